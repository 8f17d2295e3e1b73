#include "runtime/base/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "runtime/base/clock.h"
#include "runtime/base/sanitizer.h"

namespace taskscope::base {
namespace {

// The kernel wants the address of the 32-bit word itself, which an atomic of that size is.
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

long call(const std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
          const timespec* timeout) {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, timeout, nullptr,
                 FUTEX_BITSET_MATCH_ANY);
}

// FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC, so retries need no arithmetic.
bool sleep_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                 std::int64_t deadline_ns) {
  const timespec deadline{.tv_sec = deadline_ns / 1'000'000'000,
                          .tv_nsec = deadline_ns % 1'000'000'000};
  return call(word, FUTEX_WAIT_BITSET, expected, &deadline) == 0 || errno != ETIMEDOUT;
}

#if TASKSCOPE_TSAN
// ThreadSanitizer runs a signal's handler when the thread next calls a function that it intercepts:
// one that sleeps in a bare system call wakes for that now and then.
constexpr std::int64_t kSignalsNs = 10'000'000;

bool sleep_for_signals(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                       std::int64_t deadline_ns) {
  const std::int64_t nap_end_ns = monotonic_ns() + kSignalsNs;
  const bool woken = sleep_until(word, expected, std::min(deadline_ns, nap_end_ns));
  usleep(0);
  return woken || nap_end_ns < deadline_ns;
}
#endif

}  // namespace

void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected) {
#if TASKSCOPE_TSAN
  sleep_for_signals(word, expected, std::numeric_limits<std::int64_t>::max());
#else
  call(word, FUTEX_WAIT_BITSET, expected, nullptr);
#endif
}

bool futex_wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                      std::int64_t deadline_ns) {
#if TASKSCOPE_TSAN
  return sleep_for_signals(word, expected, deadline_ns);
#else
  return sleep_until(word, expected, deadline_ns);
#endif
}

void futex_wake(const std::atomic<std::uint32_t>& word, int count) {
  call(word, FUTEX_WAKE, static_cast<std::uint32_t>(count), nullptr);
}

}  // namespace taskscope::base
