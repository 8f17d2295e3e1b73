// Spinning: waiting for another thread for less time than it would take to sleep and be woken.
//
// A pause takes 11 ns on one processor and 45 on another, so who spins for longer than a few of
// them goes by the clock.
#pragma once

#include <cstdint>

#include "runtime/base/clock.h"

namespace taskscope::base {

// One polite turn of a spin loop: tells the core that this thread waits for another.
inline void spin_pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // `yield` is a no-op on most cores; `isb` waits about as long as `pause`
#endif
}

// Pauses for `ns` nanoseconds, and little longer.
inline void spin_for(std::int64_t ns) {
  const std::int64_t end = monotonic_ns() + ns;
  do {
    for (int i = 0; i < 4; ++i) spin_pause();
  } while (monotonic_ns() < end);
}

// Pauses until `done()` says so, for about `ns` at most; what it says at last. It is asked less and
// less often: whoever has the cache line that is looked at keeps it longer so, and does more.
template <class Done>
bool spin_until(std::int64_t ns, Done done) {
  constexpr int kPausesMax = 32;
  std::int64_t end = 0;  // most who come here wait too short a time to ask the clock
  for (int pauses = 1;; pauses = pauses < kPausesMax ? 2 * pauses : pauses) {
    for (int i = 0; i < pauses; ++i) spin_pause();
    if (done()) return true;
    if (pauses < kPausesMax) continue;
    const std::int64_t now = monotonic_ns();
    if (end == 0) end = now + ns;
    if (now >= end) return false;
  }
}

}  // namespace taskscope::base
