#include "runtime/debug/short_name.h"

#include <algorithm>
#include <utility>

namespace taskscope::debug {
namespace {

constexpr std::size_t kLong = 120;

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

// One past the bracket that closes the one at `open`; the text's end if none does. The `>` of
// "->", "operator>" and "operator->" close nothing.
std::size_t end_of_bracket(std::string_view text, std::size_t open) {
  int depth = 0;
  for (std::size_t i = open; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_operator =
        text.substr(0, i).ends_with("operator") || (i > 0 && text[i - 1] == '-');
    if (c == '(' || c == '{' || (c == '<' && !is_operator)) ++depth;
    if (c == ')' || c == '}' || (c == '>' && !is_operator)) --depth;
    if (depth == 0) return i + 1;
  }
  return text.size();
}

// Takes out ", std::allocator<…>" and its like, which are what nobody wrote.
void remove_argument(std::string& text, std::string_view argument) {
  for (std::size_t at = 0; (at = text.find(argument, at)) != std::string::npos;) {
    std::size_t end = end_of_bracket(text, at + argument.size() - 1);
    if (text.compare(end, 2, " >") == 0) ++end;
    text.erase(at, end - at);
  }
}

// Replaces the contents of every outermost `open` bracket by "…".
std::string collapse(std::string_view text, char open) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const bool is_operator = text.substr(0, i).ends_with("operator");
    const std::size_t end = text[i] == open && !is_operator ? end_of_bracket(text, i) : i;
    const std::string_view anonymous = "(anonymous namespace)";
    if (end <= i + 2 || text.substr(i, end - i) == anonymous) {
      const std::size_t taken = std::max<std::size_t>(end - i, 1);
      out += text.substr(i, taken);
      i += taken;
      continue;
    }
    out += open;
    out += "…";
    out += text[end - 1];
    i = end;
  }
  return out;
}

// The same for brackets inside of `<…>`.
std::string collapse_inner(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const bool is_operator = text.substr(0, i).ends_with("operator");
    if (text[i] != '<' || is_operator) {
      out += text[i++];
      continue;
    }
    const std::size_t end = end_of_bracket(text, i);
    out += '<' + collapse(text.substr(i + 1, end - i - 1), '<');
    i = end;
  }
  return out;
}

}  // namespace

std::string short_name(std::string_view demangled) {
  std::string name(demangled);
  replace_all(name, "std::__cxx11::", "std::");
  for (const std::string_view argument :
       {", std::allocator<", ", std::char_traits<", ", std::default_delete<", ", std::less<",
        ", std::hash<", ", std::equal_to<"}) {
    remove_argument(name, argument);
  }
  replace_all(name, " >", ">");
  replace_all(name, "std::basic_string_view<char>", "std::string_view");
  replace_all(name, "std::basic_string<char>", "std::string");
  if (name.size() > kLong) name = collapse_inner(name);
  if (name.size() > kLong) name = collapse(name, '<');
  if (name.size() > kLong) name = collapse(name, '(');
  return name;
}

}  // namespace taskscope::debug
