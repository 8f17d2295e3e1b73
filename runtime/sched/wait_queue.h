// WaitQueue: the tasks that wait on one object, first come, first served.
//
// An intrusive list of Waiters, which live on the stacks of the parked tasks. Guarded by the lock
// of the object that embeds it. Objects may outlive the run in which their waiters were abandoned:
// a queue that was filled in an earlier run counts as empty.
#pragma once

#include <cstdint>

#include "runtime/sched/park.h"

namespace taskscope::sched {

struct Waiter {
  Task* task = nullptr;
  void* slot = nullptr;  // the primitive's: where a value is taken from or put
  bool success = false;  // the primitive's: how the wait ended
  Waiter* next = nullptr;
};

class WaitQueue {
 public:
  bool empty() const { return first_ == nullptr || run_ != current_run(); }

  void push(Waiter& waiter) {
    if (run_ != current_run()) {
      first_ = last_ = nullptr;
      run_ = current_run();
    }
    waiter.next = nullptr;
    (last_ == nullptr ? first_ : last_->next) = &waiter;
    last_ = &waiter;
  }

  // The longest waiter, or null.
  Waiter* pop() {
    if (empty()) return nullptr;
    Waiter* waiter = first_;
    first_ = waiter->next;
    if (first_ == nullptr) last_ = nullptr;
    return waiter;
  }

  // All of them, as a list by `next`.
  Waiter* pop_all() {
    if (empty()) return nullptr;
    Waiter* waiters = first_;
    first_ = last_ = nullptr;
    return waiters;
  }

 private:
  Waiter* first_ = nullptr;
  Waiter* last_ = nullptr;
  std::uint32_t run_ = 0;
};

// Readies a list by `next`. The waiters may be gone as soon as their task is ready.
inline void ready_all(Waiter* waiters) {
  while (waiters != nullptr) {
    Waiter* const next = waiters->next;
    ready(waiters->task);
    waiters = next;
  }
}

}  // namespace taskscope::sched
