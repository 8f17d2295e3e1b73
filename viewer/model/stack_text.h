// Stacks of calls in words: for the clipboard, and one call's place. Pure functions, usable from
// any thread.
#pragma once

#include <cstdint>
#include <string>

#include "recorder/store/stack_table.h"

namespace taskscope::viewer {

// "main.cpp:42"; "" if the file is not known.
std::string call_place(const store::StackTable& stacks, const store::StackCall& call);

// Two lines for each call, innermost first, as debuggers and Go print them: the function, then its
// place with the whole path. What was inlined and what is of the runtime says so.
std::string stack_text(const store::StackTable& stacks, std::uint32_t stack);

}  // namespace taskscope::viewer
