#include "runtime/base/lock.h"

#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/base/spin.h"

namespace taskscope::base {
namespace {

// Longer than any critical section of the runtime, shorter than a futex round trip.
constexpr std::int64_t kSpinNs = 1'000;
// See the invariants.
constexpr std::int64_t kNapNs = 1'000'000;

}  // namespace

void Lock::lock_contended() {
  const auto take = [this] {
    std::uint32_t free = 0;
    return state_.load(std::memory_order_relaxed) == 0 &&
           state_.compare_exchange_weak(free, 1, std::memory_order_acquire,
                                        std::memory_order_relaxed);
  };
  if (spin_until(kSpinNs, take)) return;
  // Acquire pairs with the release in unlock(). From here on state stays 2 until an unlock, so
  // that no sleeper is forgotten.
  while (state_.exchange(2, std::memory_order_acquire) != 0) {
    futex_wait_until(state_, 2, monotonic_ns() + kNapNs);
  }
}

void Lock::unlock_contended() {
  if (state_.exchange(0, std::memory_order_release) == 2) futex_wake(state_, 1);
}

}  // namespace taskscope::base
