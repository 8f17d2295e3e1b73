// TaskArena: the Task structures of one run, in one reservation of address space.
//
// Addresses are stable, so that a dump may walk all tasks without a list that every spawn would
// have to lock. Owned by the scheduler; take() and give_back() work in batches and may be called by
// any thread; workers go through TaskCache.
//
// Invariants:
//   1. Every task below fresh_ has been constructed; a Free one is in free_ or in a worker's cache.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "runtime/base/lock.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {

class TaskArena {
 public:
  TaskArena();
  ~TaskArena();
  TaskArena(const TaskArena&) = delete;
  TaskArena& operator=(const TaskArena&) = delete;

  // `count` free tasks as a list by `link`; never null. Fails a check beyond kTasksMax.
  Task* take(std::size_t count);
  void give_back(Task* first, Task* last);

  // Tasks that are not Free. Exact only while nothing runs.
  template <class Visit>
  void for_each_live(Visit visit) const {
    for_some_live(0, size(), visit);
  }
  // The same for those in the places from `first` on, at most `count`.
  template <class Visit>
  void for_some_live(std::size_t first, std::size_t count, Visit visit) const {
    const std::size_t end = std::min(size(), first + count);
    for (std::size_t i = first; i < end; ++i) {
      Task& task = tasks_[i];
      if (task.state.load(std::memory_order_relaxed) != TaskState::Free) visit(task);
    }
  }
  // Places that hold, or held, a task.
  std::size_t size() const { return fresh_.load(std::memory_order_acquire); }

 private:
  static constexpr std::size_t kTasksMax = std::size_t{1} << 28;

  // Constant after construction.
  Task* tasks_ = nullptr;
  std::size_t capacity_ = 0;

  // Guarded by lock_.
  base::Lock lock_;
  Task* free_ TASKSCOPE_GUARDED_BY(lock_) = nullptr;

  // Atomic: grows under lock_ with release after the tasks are constructed; pairs with the acquire
  // load in size().
  std::atomic<std::size_t> fresh_{0};
};

// A worker's free tasks, last in, first out. Owned by one worker's thread.
class TaskCache {
 public:
  explicit TaskCache(TaskArena& arena) : arena_(arena) {}
  ~TaskCache();
  TaskCache(const TaskCache&) = delete;
  TaskCache& operator=(const TaskCache&) = delete;

  Task* take() {
    if (first_ == nullptr) [[unlikely]]
      refill();
    Task* task = first_;
    first_ = task->link;
    --count_;
    return task;
  }

  void give_back(Task* task) {
    task->link = first_;
    first_ = task;
    if (++count_ > kSize) [[unlikely]]
      trim();
  }

 private:
  static constexpr std::size_t kSize = 256;
  static constexpr std::size_t kBatch = kSize / 2;

  void refill();
  void trim();

  TaskArena& arena_;
  Task* first_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace taskscope::sched
