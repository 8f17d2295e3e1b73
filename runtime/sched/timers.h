// Timers: all pending timers of a run, and the clock they go by.
//
// One TimerQueue per worker, so that starting and stopping meets no other worker's lock, and a
// slot per worker that says what it is firing. Every worker fires what is due in its own queue each
// time it looks for a task, and in the others' queues when it looks for work there; idle workers
// leave one of them awake to the earliest deadline of all (Scheduler::become_timekeeper).
//
// Owned by the Scheduler. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "runtime/instrument/lane.h"
#include "runtime/sched/timer_queue.h"

namespace taskscope {
class ManualClock;
}

namespace taskscope::sched {

class Timers {
 public:
  static constexpr std::int64_t kNever = TimerQueue::kNever;

  // `queues_max` is the most workers that there will be; `clock` is null for the real one.
  Timers(std::uint32_t queues_max, ManualClock* clock);

  std::int64_t now_ns() const;
  ManualClock* manual_clock() const { return clock_; }

  // For the next worker. One thread at a time.
  void add_queue();
  TimerQueue& queue(std::uint32_t worker) { return places_[worker]->queue; }
  std::uint32_t count() const { return count_.load(std::memory_order_acquire); }

  // As the functions of timer.h, into the queue of `worker`.
  void start(Timer& timer, std::uint32_t worker, std::int64_t deadline_ns, std::int64_t period_ns);
  bool stop(Timer& timer, bool wait);
  // True if an earlier run has left the timer pending: it will not fire any more.
  static bool take_back(Timer& timer);
  bool move(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns);

  // Fires what is due in `worker`'s own queue. REQUIRES: called by that worker. The number fired.
  std::size_t fire_due(std::uint32_t worker, instrument::Lane* lane) {
    return places_[worker]->queue.earliest_ns() == kNever ? 0
                                                          : fire(worker, worker, worker + 1, lane);
  }
  // The same for all queues.
  std::size_t fire_due_anywhere(std::uint32_t worker, instrument::Lane* lane) {
    return earliest_ns() == kNever ? 0 : fire(worker, 0, count(), lane);
  }

  // Whether `worker` has something to fire.
  bool any_due(std::uint32_t worker) const {
    const std::int64_t earliest = places_[worker]->queue.earliest_ns();
    return earliest != kNever && earliest <= now_ns();
  }
  // True while `worker` calls a timer's function.
  bool is_firing(std::uint32_t worker) const {
    return places_[worker]->slot.timer.load(std::memory_order_relaxed) != nullptr;
  }

  // The earliest deadline of all queues, kNever without one.
  std::int64_t earliest_ns() const;
  // When an idle worker must look at the timers by itself: a manual clock tells.
  std::int64_t wake_at_ns() const { return clock_ == nullptr ? earliest_ns() : kNever; }
  // True if no timer will fire before some task or thread does something.
  bool stand_still() const;
  // Whether a manual clock has been moved past a deadline.
  bool overtaken() const { return clock_ != nullptr && earliest_ns() <= now_ns(); }

 private:
  std::size_t fire(std::uint32_t worker, std::uint32_t from, std::uint32_t to,
                   instrument::Lane* lane);
  std::size_t fire_queue(TimerQueue& queue, FiringSlot& slot, std::int64_t now_ns,
                         instrument::Lane* lane);
  static TimerQueue* lock_home(Timer& timer);
  static void forget_earlier_run(Timer& timer);

  // What one worker has.
  struct Place {
    TimerQueue queue;
    FiringSlot slot;
  };

  // Constant after construction; so are the places below count_.
  ManualClock* const clock_;
  const std::unique_ptr<std::unique_ptr<Place>[]> places_;

  // Atomic: grows with release when a place is made.
  std::atomic<std::uint32_t> count_{0};
};

}  // namespace taskscope::sched
