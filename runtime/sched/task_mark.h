// TaskMark: knows how many living tasks stand under it.
//
// A task stands under the marks of its labels (label_set.h), so under those of who started it; no
// view and no trace shows them. Counted where tasks get and lose labels, so it costs nothing to
// tasks without. Shared by who asks and by the sets that have it. Any thread.
#pragma once

#include <atomic>
#include <cstddef>

#include "runtime/base/sanitizer.h"

namespace taskscope::sched {

class TaskMark {
 public:
  TaskMark() = default;
  ~TaskMark() { base::annotate_acquire(this); }
  TaskMark(const TaskMark&) = delete;
  TaskMark& operator=(const TaskMark&) = delete;

  // Whoever sees 0 sees all that those tasks did. A task whose labels change counts twice for a
  // moment.
  std::size_t tasks() const {
    const std::size_t tasks = tasks_.load(std::memory_order_acquire);
    base::annotate_acquire(const_cast<TaskMark*>(this));
    return tasks;
  }
  void add() { tasks_.fetch_add(1, std::memory_order_relaxed); }
  void remove() {
    base::annotate_release(this);
    tasks_.fetch_sub(1, std::memory_order_release);  // pairs with tasks()
  }

  // Its tasks have been reported and are nobody else's matter.
  void settle() { settled_.store(true, std::memory_order_relaxed); }
  bool is_settled() const { return settled_.load(std::memory_order_relaxed); }

 private:
  // Atomic: see above.
  std::atomic<std::size_t> tasks_{0};
  std::atomic<bool> settled_{false};
};

}  // namespace taskscope::sched
