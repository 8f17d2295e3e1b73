#include "runtime/scope/future.h"

#include "runtime/channel/selection.h"

namespace taskscope::scope {

FutureCore::~FutureCore() { sched::trace_object_end(traced_); }

void FutureCore::finish() TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  done_.store(true, std::memory_order_release);
  sched::Waiter* const waiters = waiters_.pop_all();
  lock_.unlock();
  sched::ready_all(waiters);
}

void FutureCore::wait(const base::Site& site) { static_cast<void>(wait(background(), site)); }

bool FutureCore::wait(const Context& context, const base::Site& site) TASKSCOPE_NO_ANALYSIS {
  if (done()) return true;
  sched::Task* const task = sched::current_task_for("future wait");
  channel::ChanCore* const context_done = context.done_core();
  lock_.lock();
  if (done()) {
    lock_.unlock();
    return true;
  }
  sched::Waiter self{.task = task};
  waiters_.push(self);
  const bool finished = channel::park_unless(
      context_done, {.reason = sched::BlockReason::Future, .object = &traced_, .site = site}, lock_,
      waiters_, self);
  if (!finished) {
    lock_.unlock();
    sched::throw_if_unwound();
  }
  return finished;
}

}  // namespace taskscope::scope
