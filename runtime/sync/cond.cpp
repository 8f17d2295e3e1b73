#include "runtime/sync/cond.h"

#include "runtime/channel/selection.h"

namespace taskscope {

Cond::~Cond() { sched::trace_object_end(traced_); }

void Cond::enter(sched::Waiter& self) {
  sched::current_task_for("cond wait");
  const base::LockGuard guard(lock_);
  waiters_.push(self);
}

bool Cond::wait_entered(sched::Waiter& self, channel::DoneChannel done,
                        const Site& site) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  if (self.success) {
    lock_.unlock();
    return true;
  }
  self.task = sched::current_task();
  if (channel::park_unless(
          done, {.reason = trace_format::BlockReason::Cond, .object = &traced_, .site = site},
          lock_, waiters_, self)) {
    return true;
  }
  lock_.unlock();
  sched::throw_if_unwound();
  return false;
}

void Cond::signal() TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  sched::Task* task = nullptr;
  if (sched::Waiter* const waiter = waiters_.pop()) {
    waiter->success = true;
    task = waiter->task;
  }
  lock_.unlock();
  if (task != nullptr) sched::ready(task);
}

void Cond::broadcast() TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  sched::Waiter* parked = nullptr;
  sched::Waiter** end = &parked;
  while (sched::Waiter* const waiter = waiters_.pop()) {
    waiter->success = true;
    if (waiter->task == nullptr) continue;  // not parked: it looks for itself
    *end = waiter;
    end = &waiter->next;
  }
  *end = nullptr;
  lock_.unlock();
  sched::ready_all(parked);
}

}  // namespace taskscope
