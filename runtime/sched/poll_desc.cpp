#include "runtime/sched/poll_desc.h"

#include "runtime/sched/park.h"
#include "runtime/sched/poller.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::sched {

Task* PollDesc::take(PollMode mode, PollResult result) {
  Waiter* const waiter = slots_[index(mode)].queue.pop();
  if (waiter == nullptr) return nullptr;
  *static_cast<PollResult*>(waiter->slot) = result;
  return waiter->task;
}

Task* PollDesc::take_for_edge(PollMode mode) {
  Task* const task = take(mode, PollResult::Ready);
  // Release pairs with the acquire in prepare() and wait().
  if (task == nullptr) slots_[index(mode)].state.fetch_or(kReady, std::memory_order_release);
  return task;
}

void PollDesc::ensure_registered() {
  if (registered_) return;
  registered_ = true;
  const std::uint16_t generation = generation_;
  lock_.unlock();
  const int error = poller_->add(fd_, *this, generation);
  lock_.lock();
  if (error == 0) return;
  failed_.store(error, std::memory_order_relaxed);
  Task* const tasks[] = {take(PollMode::Read, PollResult::Failed),
                         take(PollMode::Write, PollResult::Failed)};
  lock_.unlock();
  for (Task* task : tasks) {
    if (task != nullptr) ready(task);
  }
  lock_.lock();
}

// The lock passes to whoever runs next, which the analysis cannot follow.
PollResult PollDesc::wait(PollMode mode, const WaitSpec& spec) TASKSCOPE_NO_ANALYSIS {
  PollResult result = PollResult::Ready;
  Waiter self{.task = current_task_for("wait for a descriptor")};
  if (begin_wait(mode, self, result)) {
    park(spec, lock_);
    end_wait();
  }
  return result;
}

bool PollDesc::begin_wait(PollMode mode, Waiter& self, PollResult& result) TASKSCOPE_NO_ANALYSIS {
  Slot& slot = slots_[index(mode)];
  lock_.lock();
  ensure_registered();
  if (closed_) {
    result = PollResult::Closed;
  } else if (failure() != 0) {
    result = PollResult::Failed;
  } else if ((slot.state.load(std::memory_order_relaxed) & kExpired) != 0) {
    result = PollResult::TimedOut;
  } else if ((slot.state.exchange(0, std::memory_order_acquire) & kReady) != 0) {
    result = PollResult::Ready;
  } else {
    self.slot = &result;
    slot.queue.push(self);
    poller_->add_waiter();
    current_thread()->watch_descriptors();
    return true;
  }
  lock_.unlock();
  return false;
}

void PollDesc::end_wait() { poller_->remove_waiter(); }

void PollDesc::set_deadline(PollMode mode, std::int64_t deadline_ns) {
  Slot& slot = slots_[index(mode)];
  const base::LockGuard order(deadline_lock_);
  const bool expired = deadline_ns <= now_ns();
  Task* task = nullptr;
  {
    const base::LockGuard guard(lock_);
    slot.deadline_ns = deadline_ns;
    if (expired) {
      slot.state.fetch_or(kExpired, std::memory_order_relaxed);
      task = take(mode, PollResult::TimedOut);
    } else {
      slot.state.fetch_and(static_cast<std::uint8_t>(~kExpired), std::memory_order_relaxed);
    }
  }
  if (task != nullptr) ready(task);
  if (!expired && deadline_ns != kNoDeadline) {
    reset_timer(slot, deadline_ns);
    slot.timed = true;
  } else if (slot.timed) {
    stop_timer(slot);
  }
}

void PollDesc::Slot::expire() {
  Task* task = nullptr;
  {
    const base::LockGuard guard(desc->lock_);
    if (deadline_ns > now_ns()) return;
    state.fetch_or(kExpired, std::memory_order_relaxed);
    task = desc->take(this == &desc->slots_[0] ? PollMode::Read : PollMode::Write,
                      PollResult::TimedOut);
  }
  if (task != nullptr) ready(task);
}

void PollDesc::close() {
  lock_.lock();
  closed_ = true;
  Task* const tasks[] = {take(PollMode::Read, PollResult::Closed),
                         take(PollMode::Write, PollResult::Closed)};
  lock_.unlock();
  for (Task* task : tasks) {
    if (task != nullptr) ready(task);
  }
}

}  // namespace taskscope::sched
