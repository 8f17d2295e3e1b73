#include "viewer/model/stack_text.h"

#include <fmt/format.h>

#include "viewer/model/format.h"

namespace taskscope::viewer {

std::string call_place(const store::StackTable& stacks, const store::StackCall& call) {
  const store::StackFunction& function = stacks.function(call);
  if (function.file.empty()) return "";
  return format_site(function.file, call.line);
}

std::string stack_text(const store::StackTable& stacks, std::uint32_t stack) {
  std::string text;
  for (const store::StackCall& call : stacks.calls(stack)) {
    const store::StackFunction& function = stacks.function(call);
    text += function.name;
    if (call.inlined != 0) text += "  (inlined)";
    if (function.runtime) text += "  (runtime)";
    text += '\n';
    if (!function.file.empty()) text += fmt::format("    {}:{}\n", function.file, +call.line);
  }
  return text;
}

}  // namespace taskscope::viewer
