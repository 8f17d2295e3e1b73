// Timer: calls a function at a point of the run's clock. What sleeping, deadlines, tickers and
// everything else that waits for time is built from.
//
// Embedded in its owner, which must keep it alive while it is pending or its function runs. `fire`
// is called by a worker between two tasks: it must be short and must not wait; it may make tasks
// ready, start and stop timers, and free its own timer as the last thing it does. Starting and
// stopping allocate nothing but room in the worker's queue, and cost tens of nanoseconds.
//
//   struct Timeout : sched::Timer {
//     Timeout() : Timer(kType) {}
//     static constexpr sched::TimerType kType{
//         .fire = [](sched::Timer& timer) { static_cast<Timeout&>(timer).expire(); }, …};
//     …
//   };
//   sched::start_timer(timeout, sched::now_ns() + 1'000'000);
//
// Which threads: any, while a run is active; without one, timers are never pending. Different
// timers are independent; start, stop and reset of one timer are for its owner to put in order,
// while its firing may come at any moment in between.
//
// A timer's state (`home_` and `fired_by_`; guarded by the lock of the queue that `home_` names):
//
//   from     → to        by
//   idle     → pending   start_timer
//   pending  → firing    a worker's fire_due, which calls `fire` (a periodic one is pending, too)
//   pending  → idle      stop_timer, the end of the run
//   firing   → idle      the return of `fire`
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "runtime/base/site.h"
#include "runtime/trace_format/event.h"

namespace taskscope::instrument {
class TracedObject;
}

namespace taskscope::sched {

class TimerQueue;
struct Timer;

// What a recorder that attaches is told of a pending timer, beside its kind and time.
struct TimerOrigin {
  base::Site site;                             // where it was made, if that is not a task's wait
  instrument::TracedObject* object = nullptr;  // what it ends waits for
  trace_format::TaskId task = 0;               // whose wait it ends
};

// What all timers for one purpose have in common: a constant.
struct TimerType {
  void (*fire)(Timer&);
  trace_format::TimerKind kind = trace_format::TimerKind::Unknown;
  // Null: there is nothing to say. Called while the timer is pending and cannot be stopped, under
  // the lock of its queue: takes no lock.
  TimerOrigin (*origin)(Timer&) = nullptr;
};

// What one worker is firing now; null: nothing. Written by the worker, release after the call.
struct alignas(64) FiringSlot {
  std::atomic<Timer*> timer{nullptr};
};

struct Timer {
  explicit Timer(const TimerType& its_type) : type(&its_type) {}
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Constant while the timer is pending.
  const TimerType* type;

 private:
  friend class TimerQueue;
  friend class Timers;
  friend bool move_timer(Timer& timer, std::int64_t deadline_ns);
  bool put_off(std::int64_t deadline_ns);

  static constexpr std::int64_t kFixed = std::numeric_limits<std::int64_t>::min();

  // Atomic: when it fires, kFixed while it is idle or periodic. Moved to later by a CAS without any
  // lock, so that a time-out which is put off again and again costs next to nothing: its place in
  // the queue is that of an earlier deadline, and found out to be when that one comes. All else
  // happens under the lock of the queue that home_ names.
  std::atomic<std::int64_t> deadline_ns_{kFixed};

  // Guarded by the lock of the queue that home_ names.
  std::int64_t period_ns_ = 0;  // 0: fires once
  std::uint64_t order_ = 0;     // among equal deadlines
  std::size_t place_ = 0;       // in the queue
  std::uint32_t told_in_ = 0;   // the last telling of the queue that needs no word of it any more

  // Atomic: written under that lock, release; read without it to find the lock.
  std::atomic<TimerQueue*> home_{nullptr};
  // Atomic: who took it to fire it last; written before home_.
  std::atomic<FiringSlot*> fired_by_{nullptr};
  // The run that both belong to: what an earlier run left here means nothing.
  std::uint32_t run_ = 0;
};

// From now on `fire` will be called once, at `deadline_ns` of now_ns() or soon after; with a period
// every `period_ns` from then on, counted from the deadline (no drift), and once for any number of
// periods missed. REQUIRES: it is not pending; a run is active.
void start_timer(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns = 0);

// True: it was pending, be it in a run that is over, and will not fire (again). When it returns,
// `fire` is not running, unless it was called by a timer's function. REQUIRES: the caller holds no
// lock that `fire` takes.
bool stop_timer(Timer& timer);

// Another deadline for a timer that is pending and fires once. False, and nothing happens, if it is
// not pending.
bool move_timer(Timer& timer, std::int64_t deadline_ns);

// A stop that does not wait for a running `fire`, and a start. True if it was pending.
bool reset_timer(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns = 0);

// The run's clock: CLOCK_MONOTONIC in nanoseconds, or the clock that RunOptions injected.
std::int64_t now_ns();

// `duration_ns` from now, without overflow; what is negative is now.
std::int64_t deadline_after(std::int64_t duration_ns);
std::int64_t deadline_after(std::int64_t duration_ns, std::int64_t now_ns);

}  // namespace taskscope::sched
