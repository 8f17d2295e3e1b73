// TaskArena: the Task structures of one run, in one reservation of address space.
//
// Addresses are stable, so that a dump may walk all tasks without a list that every spawn would
// have to lock. Owned by the scheduler; take() and give_back() work in batches and may be called by
// any thread; workers go through TaskCache.
//
// Invariants:
//   1. Every task below fresh_ has been constructed; a Free one is in free_ or in a worker's cache.
//   2. Tasks below dumpable_ go into a core dump, and fresh_ <= dumpable_. With the whole
//      reservation a debugger would write tens of GiB.
//
// Free tasks are kept by their addresses, not in a list through them: whoever hands them on does
// not wait for their memory, and whoever uses them may have it fetched before.
#pragma once

#include <algorithm>
#include <array>
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

  // Puts `count` free tasks into `tasks`, or fewer but one at least; how many. Fails a check beyond
  // kTasksMax.
  std::size_t take(Task** tasks, std::size_t count);
  Task* take() {
    Task* task = nullptr;
    take(&task, 1);
    return task;
  }
  void give_back(Task* const* tasks, std::size_t count);
  void give_back(Task* task) { give_back(&task, 1); }

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
  // All of its memory.
  const void* mapping() const { return tasks_; }
  std::size_t mapping_bytes() const { return capacity_ * (sizeof(Task) + sizeof(Task*)); }
  // For debuggers: the first place, and where size() stands.
  Task* first() const { return tasks_; }
  const std::atomic<std::size_t>* count_address() const { return &fresh_; }

  // Places that hold, or held, a task.
  std::size_t size() const { return fresh_.load(std::memory_order_acquire); }

 private:
  void make_dumpable() TASKSCOPE_REQUIRES(lock_);

  static constexpr std::size_t kTasksMax = std::size_t{1} << 28;

  // Constant after construction.
  Task* tasks_ = nullptr;
  Task** free_ = nullptr;  // behind tasks_, of the same capacity; what is in it is under lock_
  std::size_t capacity_ = 0;

  // Guarded by lock_.
  base::Lock lock_;
  std::size_t free_count_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  std::size_t dumpable_ TASKSCOPE_GUARDED_BY(lock_) = 0;

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
    if (count_ == 0) [[unlikely]]
      count_ = arena_.take(tasks_.data(), kBatch);
    Task* const task = tasks_[--count_];
    // Memory takes some 100 ns to come, a spawn 30.
    if (count_ >= kAhead) tasks_[count_ - kAhead]->prefetch();
    return task;
  }

  void give_back(Task* task) {
    if (count_ == kSize) [[unlikely]]
      trim();
    tasks_[count_++] = task;
  }

 private:
  static constexpr std::size_t kSize = 256;
  static constexpr std::size_t kBatch = kSize / 2;
  static constexpr std::size_t kAhead = 4;

  void trim();

  TaskArena& arena_;
  std::array<Task*, kSize> tasks_;
  std::size_t count_ = 0;
};

}  // namespace taskscope::sched
