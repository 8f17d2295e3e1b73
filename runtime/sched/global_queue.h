// GlobalQueue: runnable tasks of no worker in particular: what overflowed a local queue, and what
// threads that are no worker's made ready. First in, first out, under a lock; any thread.
#pragma once

#include <atomic>
#include <cstddef>

#include "runtime/base/lock.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {

class GlobalQueue {
 public:
  // Appends a list by `link`, `count` long.
  void push(Task* first, Task* last, std::size_t count) {
    const base::LockGuard guard(lock_);
    last->link = nullptr;
    (last_ == nullptr ? first_ : last_->link) = first;
    last_ = last;
    // Seq_cst: the submit step of the wake-up recipe (scheduler.h).
    size_.store(size_.load(std::memory_order_relaxed) + count, std::memory_order_seq_cst);
  }
  void push(Task* task) { push(task, task, 1); }

  // The oldest `count` tasks or fewer, as a list by `link`; null if there are none.
  Task* pop(std::size_t count) {
    if (size() == 0) return nullptr;
    const base::LockGuard guard(lock_);
    Task* const first = first_;
    if (first == nullptr) return nullptr;
    Task* last = first;
    std::size_t taken = 1;
    for (; taken < count && last->link != nullptr; ++taken) last = last->link;
    first_ = last->link;
    if (first_ == nullptr) last_ = nullptr;
    last->link = nullptr;
    size_.store(size_.load(std::memory_order_relaxed) - taken, std::memory_order_relaxed);
    return first;
  }

  // Seq_cst: the look-again step of the wake-up recipe (scheduler.h).
  std::size_t size() const { return size_.load(std::memory_order_seq_cst); }

 private:
  // Guarded by lock_.
  base::Lock lock_;
  Task* first_ TASKSCOPE_GUARDED_BY(lock_) = nullptr;
  Task* last_ TASKSCOPE_GUARDED_BY(lock_) = nullptr;

  // Atomic: written under lock_, read without.
  std::atomic<std::size_t> size_{0};
};

}  // namespace taskscope::sched
