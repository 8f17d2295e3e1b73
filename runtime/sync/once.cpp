#include "runtime/sync/once.h"

#include "runtime/channel/selection.h"

namespace taskscope {

Once::~Once() { sched::trace_object_end(traced_); }

bool Once::begin(channel::DoneChannel done, const Site& site) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  const std::uint32_t state = state_.load(std::memory_order_relaxed);
  if (state == kNew) {
    state_.store(kRunning, std::memory_order_relaxed);
    lock_.unlock();
    return true;
  }
  if (state == kDone) {
    lock_.unlock();
    return false;
  }
  sched::Waiter self{.task = sched::current_task_for("once")};
  waiters_.push(self);
  if (!channel::park_unless(
          done, {.reason = trace_format::BlockReason::Once, .object = &traced_, .site = site},
          lock_, waiters_, self)) {
    lock_.unlock();
    sched::throw_if_unwound();
  }
  return false;
}

void Once::finish() TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  // Release pairs with the acquire in run().
  state_.store(kDone, std::memory_order_release);
  sched::Waiter* const waiters = waiters_.pop_all();
  lock_.unlock();
  sched::ready_all(waiters);
}

}  // namespace taskscope
