#include "runtime/sync/wait_group.h"

#include "runtime/channel/selection.h"
#include "runtime/sched/fatal.h"

namespace taskscope {

WaitGroup::~WaitGroup() { sched::trace_object_end(traced_); }

bool WaitGroup::wait_for_zero(channel::DoneChannel done, const Site& site) TASKSCOPE_NO_ANALYSIS {
  sched::Task* const task = sched::current_task_for("wait group wait");
  lock_.lock();
  std::int64_t state = state_.load(std::memory_order_acquire);
  do {
    if (state >> 32 == 0) {
      lock_.unlock();
      return true;
    }
    // Release pairs with the acquire in add(): the last done() sees that somebody waits. It then
    // needs lock_, so it finds the waiter in the queue.
  } while (!state_.compare_exchange_weak(state, state | kWaiters, std::memory_order_acq_rel,
                                         std::memory_order_acquire));
  sched::Waiter self{.task = task};
  waiters_.push(self);
  if (!channel::park_unless(
          done, {.reason = trace_format::BlockReason::WaitGroup, .object = &traced_, .site = site},
          lock_, waiters_, self)) {
    if (waiters_.empty()) state_.fetch_and(~kWaiters, std::memory_order_relaxed);
    lock_.unlock();
    sched::throw_if_unwound();
    return false;
  }
  if (state_.load(std::memory_order_relaxed) != 0) {
    sched::panic("reuse, before its last wait has returned, of WaitGroup", traced_);
  }
  return true;
}

void WaitGroup::add_with_waiters(std::int64_t state, std::int32_t delta) {
  if (state >> 32 == 0) return release_waiters();
  if (delta > 0 && state >> 32 == delta) {
    sched::panic("add called concurrently with wait on WaitGroup", traced_);
  }
}

void WaitGroup::release_waiters() TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  std::int64_t state = state_.load(std::memory_order_relaxed);
  do {
    // The count has been raised again meanwhile: whoever brings it down next releases the waiters.
    if (state >> 32 != 0) {
      lock_.unlock();
      return;
    }
  } while (!state_.compare_exchange_weak(state, 0, std::memory_order_relaxed));
  sched::Waiter* const waiters = waiters_.pop_all();
  lock_.unlock();
  sched::ready_all(waiters);
}

void WaitGroup::negative(std::int64_t change) {
  state_.fetch_sub(change, std::memory_order_relaxed);  // as it was, for whoever catches this
  sched::panic("negative counter of WaitGroup", traced_);
}

}  // namespace taskscope
