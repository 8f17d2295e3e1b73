// When a check speaks: the one table of thresholds. Nothing else decides it.
//
// Every limit can be changed by `--limit NAME=VALUE` and by a file of such lines; the names are
// part of the command's interface. Pure values; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace taskscope::analysis {

// TASKSCOPE_LIMIT(name, unit, default, "what it is")
//   Time: nanoseconds. Count: a number. Rate: a number per second. Percent.
#define TASKSCOPE_LIMITS(TASKSCOPE_LIMIT)                                                          \
  TASKSCOPE_LIMIT(window, Time, 1'000'000'000, "rates and shares are taken over this long")        \
  TASKSCOPE_LIMIT(persist, Count, 3, "in so many windows it must show to be a finding")            \
  TASKSCOPE_LIMIT(stuck_wait, Time, 30'000'000'000, "a wait that is still under way")              \
  TASKSCOPE_LIMIT(stuck_factor, Count, 20, "and so many times longer than p99 at its place")       \
  TASKSCOPE_LIMIT(stuck_group, Count, 100, "tasks that wait at one place and get more")            \
  TASKSCOPE_LIMIT(stuck_crowd, Count, 10'000, "tasks that wait at one place")                      \
  TASKSCOPE_LIMIT(severe_group, Count, 100, "a group that large is severe")                        \
  TASKSCOPE_LIMIT(starved_wait, Time, 10'000'000, "a runnable task waits for a worker")            \
  TASKSCOPE_LIMIT(starved_severe, Time, 100'000'000, "a severe one")                               \
  TASKSCOPE_LIMIT(idle_stretch, Time, 1'000'000, "a worker sleeps while a task is runnable")       \
  TASKSCOPE_LIMIT(idle_share, Percent, 2, "of the workers' time, so slept away")                   \
  TASKSCOPE_LIMIT(search_rate, Rate, 10'000, "a worker begins to look for work")                   \
  TASKSCOPE_LIMIT(search_success, Percent, 10, "of these found some")                              \
  TASKSCOPE_LIMIT(convoy_waiters, Count, 4, "tasks that wait for one lock, on average")            \
  TASKSCOPE_LIMIT(convoy_severe, Count, 10, "a severe convoy")                                     \
  TASKSCOPE_LIMIT(lock_share, Percent, 5, "of the time that tasks want to run, waited for a lock") \
  TASKSCOPE_LIMIT(lock_severe, Percent, 25, "a severe share")                                      \
  TASKSCOPE_LIMIT(hold, Time, 10'000'000, "a lock is held while others wait")                      \
  TASKSCOPE_LIMIT(hold_severe, Time, 100'000'000, "a severe one")                                  \
  TASKSCOPE_LIMIT(inversion, Time, 5'000'000, "a lock's holder is runnable while others wait")     \
  TASKSCOPE_LIMIT(ping_pong_rate, Rate, 10'000, "values handed over one unbuffered channel")       \
  TASKSCOPE_LIMIT(ping_pong_slice, Time, 5'000, "and its tasks run so shortly in between")         \
  TASKSCOPE_LIMIT(spawn_rate, Rate, 50'000, "tasks started at one place")                          \
  TASKSCOPE_LIMIT(spawn_life, Time, 20'000, "and half of them take so short a time")               \
  TASKSCOPE_LIMIT(timer_rate, Rate, 50'000, "timers that fire")                                    \
  TASKSCOPE_LIMIT(timer_burst, Count, 1'000, "timers that fire at one look")                       \
  TASKSCOPE_LIMIT(yield_rate, Rate, 10'000, "yields of one task: it waits busily")                 \
  TASKSCOPE_LIMIT(call, Time, 10'000'000, "a call keeps its worker")                               \
  TASKSCOPE_LIMIT(hog, Time, 100'000'000, "a task runs without a pause while others starve")       \
  TASKSCOPE_LIMIT(hog_severe, Time, 1'000'000'000, "a severe one")                                 \
  TASKSCOPE_LIMIT(futile_share, Percent, 20, "of a lock's wake-ups lead to the next wait for it")  \
  TASKSCOPE_LIMIT(futile_count, Count, 1'000, "and there were so many wake-ups")                   \
  TASKSCOPE_LIMIT(herd, Count, 8, "tasks woken at once of which most wait again")

struct FindingLimits {
#define TASKSCOPE_LIMIT(name, unit, value, text) std::int64_t name = value;
  TASKSCOPE_LIMITS(TASKSCOPE_LIMIT)
#undef TASKSCOPE_LIMIT
};

enum class LimitUnit : std::uint8_t { Time, Count, Rate, Percent };
struct LimitSpec {
  std::string_view name;
  LimitUnit unit;
  std::int64_t FindingLimits::*field;
  std::string_view text;
};
// In the order of the table.
std::span<const LimitSpec> limit_specs();

// "10ms", "100", "5 %", "10,000/s": as people write the limit's value.
std::string limit_text(const LimitSpec& spec, const FindingLimits& limits);

// Takes "NAME=VALUE". Fails with a sentence that names what is wrong.
Result<void> set_limit(FindingLimits& limits, std::string_view assignment);

// Takes the lines of a file; empty ones and those that begin with # say nothing. `path` is for the
// error's sentence.
Result<void> set_limits(FindingLimits& limits, std::string_view lines, const std::string& path);

}  // namespace taskscope::analysis
