// Reading the text of an event whose fields stand between tabs.
//
// Plain functions, usable from any thread.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace taskscope::trace_format {

// The first field of `rest`, which loses it.
inline std::string_view take_field(std::string_view& rest) {
  const std::size_t end = rest.find('\t');
  const std::string_view field = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return field;
}

// False if the first field is no number up to `limit`.
template <class Number>
bool take_number(std::string_view& rest, std::uint64_t limit, Number& out) {
  const std::string_view field = take_field(rest);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), value);
  if (error != std::errc() || end != field.data() + field.size() || value > limit) return false;
  out = static_cast<Number>(value);
  return true;
}

}  // namespace taskscope::trace_format
