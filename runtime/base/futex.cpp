#include "runtime/base/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>

namespace taskscope::base {
namespace {

// The kernel wants the address of the 32-bit word itself, which an atomic of that size is.
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

long call(const std::atomic<std::uint32_t>& word, int operation, std::uint32_t value,
          const timespec* timeout) {
  return syscall(SYS_futex, &word, operation | FUTEX_PRIVATE_FLAG, value, timeout, nullptr,
                 FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected) {
  call(word, FUTEX_WAIT_BITSET, expected, nullptr);
}

bool futex_wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                      std::int64_t deadline_ns) {
  // FUTEX_WAIT_BITSET takes an absolute time of CLOCK_MONOTONIC, so retries need no arithmetic.
  const timespec deadline{.tv_sec = deadline_ns / 1'000'000'000,
                          .tv_nsec = deadline_ns % 1'000'000'000};
  return call(word, FUTEX_WAIT_BITSET, expected, &deadline) == 0 || errno != ETIMEDOUT;
}

void futex_wake(const std::atomic<std::uint32_t>& word, int count) {
  call(word, FUTEX_WAKE, static_cast<std::uint32_t>(count), nullptr);
}

}  // namespace taskscope::base
