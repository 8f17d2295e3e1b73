// What the examples share: options on the command line that are positive numbers, or given or not.
#pragma once

#include <charconv>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <string_view>

namespace examples {

struct Option {
  const char* name;
  int* number = nullptr;
  bool* given = nullptr;  // for one without a number
};

inline bool parse_number(const char* text, int& number) {
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  return error == std::errc() && stop == end && number >= 1;
}

// False, with the usage on standard error, if there is anything else on the command line.
inline bool parse_options(int argc, char** argv, std::initializer_list<Option> options) {
  bool right = true;
  for (int i = 1; right && i < argc; ++i) {
    right = false;
    for (const Option& option : options) {
      if (std::string_view(argv[i]) != option.name) continue;
      if (option.given != nullptr) {
        right = *option.given = true;
      } else {
        right = ++i < argc && parse_number(argv[i], *option.number);
      }
      break;
    }
  }
  if (right) return true;
  const char* const slash = std::strrchr(argv[0], '/');
  std::fprintf(stderr, "usage: %s", slash == nullptr ? argv[0] : slash + 1);
  for (const Option& option : options) {
    std::fprintf(stderr, option.given != nullptr ? " [%s]" : " [%s N]", option.name);
  }
  std::fprintf(stderr, "\n");
  return false;
}

}  // namespace examples
