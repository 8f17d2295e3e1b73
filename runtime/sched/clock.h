// ts::Clock: the run's clock as the standard library understands clocks, and ts::now().
//
//   const ts::TimePoint begin = ts::now();
//   const ts::Clock::duration took = ts::now() - begin;
//
// Nanoseconds of CLOCK_MONOTONIC, or of the clock that RunOptions injected. Any thread.
#pragma once

#include <chrono>
#include <cstdint>

#include "runtime/sched/timer.h"

namespace taskscope {

struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;
  static time_point now() { return time_point(duration(sched::now_ns())); }
};

// A moment of the run's clock.
using TimePoint = Clock::time_point;

// What the run's clock shows.
inline TimePoint now() { return Clock::now(); }

namespace sched {

// Durations are rounded up, so that nothing happens too early.
template <class Rep, class Period>
std::int64_t to_ns(std::chrono::duration<Rep, Period> duration) {
  return std::chrono::ceil<std::chrono::nanoseconds>(duration).count();
}

}  // namespace sched
}  // namespace taskscope
