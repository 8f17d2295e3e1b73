// The name of a C++ function as a person would write it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace taskscope::debug {

// Spells the standard's own names as programs do ("std::string", "std::map<int, int>"), and where
// the rest is still long leaves the inner template arguments out, then the parameters: "<…>",
// "(…)".
std::string short_name(std::string_view demangled);

}  // namespace taskscope::debug
