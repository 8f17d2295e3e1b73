// The calls on a stack that somebody runs on, found by frame pointers: some nanoseconds each.
//
// Each frame begins with the address of its caller's frame and the return address. A function that
// was compiled without frame pointers is skipped, or ends the walk; code of ours and of who links
// the runtime is compiled with them. Reads nothing outside of the bounds that it is given, so any
// garbage in a frame ends the walk and does no harm. Async-signal-safe, any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "runtime/base/sanitizer.h"

namespace taskscope::debug {

// Where frames may lie. `end`: the first byte behind.
struct FrameBounds {
  std::uintptr_t low = 0;
  std::uintptr_t end = 0;
};

// Writes the return addresses of the callers, beginning with that of the function whose frame
// `frame` is, and returns how many; no more than `calls` has room for.
TASKSCOPE_UNSANITIZED inline std::size_t walk_frames(std::uintptr_t frame, FrameBounds bounds,
                                                     std::span<std::uint64_t> calls) {
  constexpr std::uintptr_t kFrameBytes = 2 * sizeof(std::uintptr_t);
  std::size_t count = 0;
  while (count < calls.size() && frame >= bounds.low && frame <= bounds.end - kFrameBytes &&
         frame % sizeof(std::uintptr_t) == 0) {
    const auto* const words = reinterpret_cast<const volatile std::uintptr_t*>(frame);
    const std::uintptr_t caller = words[0];
    const std::uintptr_t return_address = words[1];
    if (return_address == 0) break;
    calls[count++] = return_address;
    if (caller <= frame) break;  // a caller's frame lies above; 0: there is none
    frame = caller;
  }
  return count;
}

}  // namespace taskscope::debug
