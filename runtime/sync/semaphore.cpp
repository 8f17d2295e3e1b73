#include "runtime/sync/semaphore.h"

#include "runtime/channel/selection.h"
#include "runtime/sched/fatal.h"

namespace taskscope {

struct Semaphore::Request : sched::Waiter {
  std::int64_t count = 0;
};

Semaphore::~Semaphore() { sched::trace_object_end(traced_); }

sched::Waiter* Semaphore::grant() {
  sched::Waiter* granted = nullptr;
  sched::Waiter** end = &granted;
  while (sched::Waiter* const first = requests_.front_waiting()) {
    const std::int64_t count = static_cast<Request*>(first)->count;
    // The longest waiter's request blocks all behind it, however small, or it would be starved.
    if (count > permits_ - taken_) break;
    if (!requests_.claim_front()) continue;  // it gave up meanwhile
    taken_ += count;
    *end = first;
    end = &first->next;
  }
  *end = nullptr;
  return granted;
}

bool Semaphore::acquire_unless(channel::DoneChannel done, std::int64_t count,
                               const Site& site) TASKSCOPE_NO_ANALYSIS {
  if (count < 0) sched::panic("negative request to Semaphore", traced_);
  lock_.lock();
  if (count <= permits_ - taken_ && requests_.front_waiting() == nullptr) {
    taken_ += count;
    lock_.unlock();
    return true;
  }
  const bool hopeless = count > permits_;
  if (hopeless && done == nullptr) {
    lock_.unlock();
    sched::panic("request for more than all of Semaphore", traced_);
  }
  Request self;
  self.task = sched::current_task_for("semaphore acquire");
  self.count = count;
  sched::WaitQueue beside;  // nobody waits behind what can never be granted
  sched::WaitQueue& queue = hopeless ? beside : requests_;
  queue.push(self);
  if (channel::park_unless(
          done, {.reason = trace_format::BlockReason::Semaphore, .object = &traced_, .site = site},
          lock_, queue, self)) {
    return true;
  }
  // Smaller requests may have waited behind this one only.
  sched::Waiter* const granted = grant();
  lock_.unlock();
  sched::ready_all(granted);
  sched::throw_if_unwound();
  return false;
}

bool Semaphore::try_acquire(std::int64_t count) {
  if (count < 0) sched::panic("negative request to Semaphore", traced_);
  const base::LockGuard guard(lock_);
  if (count > permits_ - taken_ || requests_.front_waiting() != nullptr) return false;
  taken_ += count;
  return true;
}

void Semaphore::release(std::int64_t count) TASKSCOPE_NO_ANALYSIS {
  if (count < 0) sched::panic("negative release of Semaphore", traced_);
  lock_.lock();
  if (count > taken_) {
    lock_.unlock();
    sched::panic("release of more than was acquired of Semaphore", traced_);
  }
  taken_ -= count;
  sched::Waiter* const granted = grant();
  lock_.unlock();
  sched::ready_all(granted);
}

std::int64_t Semaphore::available() const {
  const base::LockGuard guard(lock_);
  return permits_ - taken_;
}

}  // namespace taskscope
