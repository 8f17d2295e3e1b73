// The calls that led a task to where it spawns or waits, for the trace.
//
// For a task on its own stack, in the runtime's code. Nothing but a look at a pointer where nobody
// wants to know.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "runtime/debug/frame_walk.h"
#include "runtime/instrument/lane.h"
#include "runtime/stack/stack_pool.h"
#include "runtime/trace_format/stack_text.h"

namespace taskscope::sched {

// Where frames of the stack lie that `frame` is on. REQUIRES: that is a task's.
inline debug::FrameBounds bounds_of_stack(std::uintptr_t frame, const stack::StackPool& stacks) {
  // Each is a slot of this size, and begins at a multiple of it.
  return {.low = frame, .end = (frame | (stacks.stack_bytes() - 1)) + 1};
}

// The number of the caller's stack; 0 if there is none, or nobody wants to know. Inline, so that
// the first call is the caller's.
[[gnu::always_inline]] inline trace_format::StackId calls_here(instrument::Lane& lane,
                                                               const stack::StackPool& stacks) {
  if (!lane.tells_stacks()) return 0;
  const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  std::array<std::uint64_t, trace_format::kStackCallsMax> memory;
  const std::size_t count = debug::walk_frames(frame, bounds_of_stack(frame, stacks), memory);
  const std::span<const std::uint64_t> calls(memory.data(), count);
  return lane.stack({calls, instrument::hash_of_calls(calls)});
}

}  // namespace taskscope::sched
