// ManualClock: a clock for tests, which moves when it is told to, or when every task waits for it.
//
//   ts::ManualClock clock;
//   ts::run([] { ts::sleep(std::chrono::hours(24)); }, {.clock = &clock});  // returns at once
//
//   ts::ManualClock stopwatch(ts::ManualClock::Moves::ByHand);
//   stopwatch.advance(30s);
//   stopwatch.set(stopwatch.now() + 1min);
//
// Everything that goes by time in the run goes by it: sleeps, timers, deadlines, ts::now(). As long
// as it moves by itself, which is the default, it leaps to the next deadline when no task can run,
// so a test with time-outs is exact and takes no time; no deadline is ever late. Tasks in blocking
// calls and open network descriptors hold it, because nobody knows how long those take. By hand,
// it only moves by advance() and set(). It never goes back.
//
// Made by the test, given to one run at a time, and alive as long as that run. Any thread may call.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "runtime/sched/clock.h"

namespace taskscope {

class ManualClock {
 public:
  enum class Moves : std::uint8_t { WhenAllWait, ByHand };

  explicit ManualClock(Moves moves = Moves::WhenAllWait) : moves_(moves) {}
  ManualClock(const ManualClock&) = delete;
  ManualClock& operator=(const ManualClock&) = delete;

  // It begins at the TimePoint 0.
  TimePoint now() const { return TimePoint(Clock::duration(now_ns())); }

  // Lets `duration` pass in one leap; what is due then fires in the order of the deadlines, before
  // this returns if a task calls. The tasks that it wakes see the new time.
  template <class Rep, class Period>
  void advance(std::chrono::duration<Rep, Period> duration) {
    move_to(now_ns() + sched::to_ns(duration));
  }
  // The same, to a moment; one in the past changes nothing.
  void set(TimePoint moment) { move_to(moment.time_since_epoch().count()); }

  // For the scheduler.
  std::int64_t now_ns() const { return now_ns_.load(std::memory_order_seq_cst); }
  Moves moves() const { return moves_; }
  void leap_to(std::int64_t moment_ns);

 private:
  void move_to(std::int64_t moment_ns);

  // Constant after construction.
  const Moves moves_;

  // Atomic: only grows. Seq_cst: whoever moves it looks at idle workers next, and a worker looks
  // at it after it has announced that it is idle.
  std::atomic<std::int64_t> now_ns_{0};
};

}  // namespace taskscope
