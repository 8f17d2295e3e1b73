// The calling stack, as addresses and as the lines that a report shows.
//
// Capturing is cheap and allocates only its result; naming the frames is not (symbolizer.h). Any
// thread; on a task's stack it ends at the task's entry.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/debug/symbolizer.h"

namespace taskscope::debug {

// Code addresses inside the calls that are active, innermost first, at most 128.
std::vector<std::uintptr_t> capture_stack();

// The frames of a captured stack that mean something to the program's author: without what happened
// between the throw and the report, and without the runtime's own functions.
std::vector<Frame> readable_frames(const std::vector<std::uintptr_t>& stack);

// The filter of readable_frames.
std::vector<Frame> hide_runtime(std::vector<Frame> frames);

}  // namespace taskscope::debug
