// TimerQueue: the pending timers that one worker started, by deadline.
//
// A 4-ary heap whose entries carry the deadline, so that comparing touches no timer, and whose
// timers know their place, so that stopping takes them out at once. Owned by Timers. Any thread,
// under the queue's lock.
//
// Invariants (under lock_):
//   1. heap_[i] is due no later than its children heap_[4i+1 … 4i+4].
//   2. heap_[i].timer->place_ == i and its home_ is this queue.
//   3. An entry's deadline is its timer's or, while that has been put off, an earlier one.
//   4. earliest_ns_ is the deadline of heap_[0], kNever without one.
//   5. While a telling is under way, everything below heap_[told_below_] is of no more interest to
//      it, or in overtaken_.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/sched/timer.h"

namespace taskscope::sched {

class alignas(64) TimerQueue {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  base::Lock& lock() TASKSCOPE_ANNOTATION(lock_returned(lock_)) { return lock_; }

  // Makes it pending here. REQUIRES: it is pending nowhere.
  void add(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns)
      TASKSCOPE_REQUIRES(lock_);
  // REQUIRES: it is pending here.
  void remove(Timer& timer) TASKSCOPE_REQUIRES(lock_);
  // Another deadline for a timer that is pending here.
  void move(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns)
      TASKSCOPE_REQUIRES(lock_);

  // The first timer that is due at `now_ns`, now in the hands of `slot`; or null. A periodic one is
  // pending again.
  Timer* take_due(std::int64_t now_ns, FiringSlot& slot) TASKSCOPE_REQUIRES(lock_);
  std::size_t count_due(std::int64_t now_ns) const TASKSCOPE_REQUIRES(lock_);

  // A telling: next_untold() returns each timer that was pending at begin_telling() and is so
  // still, once, and at last null, at which the telling ends. The lock may be released between
  // calls, so that the queue is never closed for long. One telling at a time.
  void begin_telling() TASKSCOPE_REQUIRES(lock_);
  Timer* next_untold() TASKSCOPE_REQUIRES(lock_);
  void end_telling() TASKSCOPE_REQUIRES(lock_);  // before its end
  // When a timer that is pending here fires next.
  std::int64_t due_ns(const Timer& timer) const TASKSCOPE_REQUIRES(lock_);
  static std::int64_t period_ns(const Timer& timer) { return timer.period_ns_; }

  // Deadline of the first timer, kNever without one. Seq_cst: idle workers compare it with the
  // deadline they sleep to after they announced that they are idle.
  std::int64_t earliest_ns() const { return earliest_ns_.load(std::memory_order_seq_cst); }

 private:
  struct Entry {
    std::int64_t deadline_ns;
    Timer* timer;
  };
  static bool before(const Entry& a, const Entry& b) {
    return a.deadline_ns != b.deadline_ns ? a.deadline_ns < b.deadline_ns
                                          : a.timer->order_ < b.timer->order_;
  }
  void put(std::size_t place, const Entry& entry) TASKSCOPE_REQUIRES(lock_);
  void sift_up(std::size_t place, const Entry& entry) TASKSCOPE_REQUIRES(lock_);
  void sift_down(std::size_t place, const Entry& entry) TASKSCOPE_REQUIRES(lock_);
  void sift(std::size_t place, const Entry& entry) TASKSCOPE_REQUIRES(lock_);
  void set(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns)
      TASKSCOPE_REQUIRES(lock_);
  // Takes the first one, whose entry is due, for `slot`. False if it is not to be fired now.
  bool take_first(std::int64_t now_ns, FiringSlot& slot) TASKSCOPE_REQUIRES(lock_);
  void take_out(Timer& timer) TASKSCOPE_REQUIRES(lock_);
  void publish_earliest() TASKSCOPE_REQUIRES(lock_);

  // Guarded by lock_.
  base::Lock lock_;
  std::vector<Entry> heap_ TASKSCOPE_GUARDED_BY(lock_);
  std::uint64_t next_order_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  std::uint32_t telling_ TASKSCOPE_GUARDED_BY(lock_) = 0;      // counts them
  std::size_t told_below_ TASKSCOPE_GUARDED_BY(lock_) = 0;     // 0: none is under way
  std::vector<Timer*> overtaken_ TASKSCOPE_GUARDED_BY(lock_);  // moved there untold

  // Atomic: written under lock_.
  std::atomic<std::int64_t> earliest_ns_{kNever};
};

}  // namespace taskscope::sched
