// Timers: the tasks that sleep, by deadline.
//
// One binary heap for the run, under a lock; `earliest` is readable without it, so that a worker
// asks "is anything due?" with one load and one look at the clock. A sleeping task parks with this
// heap's lock held (park releases it after the task has left its stack), so it cannot be woken too
// early.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {

class Timers {
 public:
  static constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

  base::Lock& lock() TASKSCOPE_ANNOTATION(lock_returned(lock_)) { return lock_; }

  // Adds a sleeper; equal deadlines wake in the order of their calls.
  void add(std::int64_t deadline_ns, Task* task) TASKSCOPE_REQUIRES(lock_);

  // Takes the sleepers whose deadline is `now_ns` or earlier, as a list by `link`, earliest first.
  // Null if none is due or another worker is at it.
  Task* take_due(std::int64_t now_ns);

  // Deadline of the first sleeper, kNever without one. Seq_cst: idle workers compare it with the
  // deadline they sleep to after they announced that they are idle.
  std::int64_t earliest_ns() const { return earliest_ns_.load(std::memory_order_seq_cst); }

 private:
  struct Sleeper {
    std::int64_t deadline_ns;
    std::uint64_t order;
    Task* task;
  };
  // For the standard heap functions, which keep the largest in front.
  static bool later(const Sleeper& a, const Sleeper& b) {
    return a.deadline_ns != b.deadline_ns ? a.deadline_ns > b.deadline_ns : a.order > b.order;
  }
  void publish_earliest() TASKSCOPE_REQUIRES(lock_);

  // Guarded by lock_.
  base::Lock lock_;
  std::vector<Sleeper> heap_ TASKSCOPE_GUARDED_BY(lock_);
  std::uint64_t next_order_ TASKSCOPE_GUARDED_BY(lock_) = 0;

  // Atomic: written under lock_.
  std::atomic<std::int64_t> earliest_ns_{kNever};
};

}  // namespace taskscope::sched
