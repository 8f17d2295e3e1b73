#include "runtime/sync/mutex.h"

#include "runtime/sched/fatal.h"

namespace taskscope {

Mutex::~Mutex() { sched::trace_object_end(traced_); }

void Mutex::lock_contended(const Site& site) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  // From here on an unlock comes to lock_ too. Acquire pairs with the release in unlock(), in case
  // the mutex has become free.
  const std::uint32_t before = state_.exchange(2, std::memory_order_acquire);
  if (before == 0) {
    state_.store(1, std::memory_order_relaxed);  // nobody waits behind a free mutex
    lock_.unlock();
    return;
  }
  sched::Waiter self{.task = sched::current_task_for("mutex lock")};
  waiters_.push(self);
  sched::park({.reason = trace_format::BlockReason::Mutex, .object = &traced_, .site = site},
              lock_);
  // The unlocker has left the mutex locked for this task.
}

void Mutex::unlock_contended(std::uint32_t state) TASKSCOPE_NO_ANALYSIS {
  if (state == 0) sched::panic("unlock of unlocked mutex");
  lock_.lock();
  sched::Waiter* const waiter = waiters_.pop();
  if (waiters_.empty()) {
    // Release for a task that locks it by CAS; the waiter itself is ordered by lock_ and ready().
    state_.store(waiter == nullptr ? 0 : 1, std::memory_order_release);
  }
  sched::Task* const task = waiter == nullptr ? nullptr : waiter->task;
  lock_.unlock();
  if (task != nullptr) sched::ready(task);
}

}  // namespace taskscope
