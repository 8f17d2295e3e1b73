// Sleeping on a word of memory: the Linux futex calls that locks and idle workers use.
//
// Private to the process. Any thread may call; a wait may end spuriously, so callers loop.
#pragma once

#include <atomic>
#include <cstdint>

namespace taskscope::base {

// Sleeps while `word` is `expected`.
void futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected);

// The same, but no longer than until CLOCK_MONOTONIC shows `deadline_ns`. False on time-out.
bool futex_wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                      std::int64_t deadline_ns);

// Wakes at most `count` sleepers of `word`.
void futex_wake(const std::atomic<std::uint32_t>& word, int count);

}  // namespace taskscope::base
