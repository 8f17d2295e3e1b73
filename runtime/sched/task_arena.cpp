#include "runtime/sched/task_arena.h"

#include <sys/mman.h>

#include <new>

#include "runtime/base/check.h"

namespace taskscope::sched {

TaskArena::TaskArena() {
  for (capacity_ = kTasksMax; capacity_ > 0; capacity_ /= 2) {
    void* mapping = mmap(nullptr, capacity_ * sizeof(Task), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) continue;
    tasks_ = static_cast<Task*>(mapping);
    return;
  }
  TASKSCOPE_CHECK(tasks_ != nullptr);
}

TaskArena::~TaskArena() { munmap(static_cast<void*>(tasks_), capacity_ * sizeof(Task)); }

Task* TaskArena::take(std::size_t count) {
  const base::LockGuard guard(lock_);
  Task* list = nullptr;
  for (; count > 0 && free_ != nullptr; --count) {
    Task* task = free_;
    free_ = task->link;
    task->link = list;
    list = task;
  }
  const std::size_t fresh = fresh_.load(std::memory_order_relaxed);
  if (list == nullptr) TASKSCOPE_CHECK(fresh < capacity_);
  const std::size_t end = fresh + count < capacity_ ? fresh + count : capacity_;
  // Highest address first, so that the list hands them out in order.
  for (std::size_t i = end; i > fresh; --i) {
    Task* task = new (&tasks_[i - 1]) Task;
    task->link = list;
    list = task;
  }
  fresh_.store(end, std::memory_order_release);
  return list;
}

void TaskArena::give_back(Task* first, Task* last) {
  const base::LockGuard guard(lock_);
  last->link = free_;
  free_ = first;
}

TaskCache::~TaskCache() {
  if (first_ == nullptr) return;
  Task* last = first_;
  while (last->link != nullptr) last = last->link;
  arena_.give_back(first_, last);
}

void TaskCache::refill() {
  first_ = arena_.take(kBatch);
  for (const Task* task = first_; task != nullptr; task = task->link) ++count_;
}

void TaskCache::trim() {
  Task* const first = first_;
  Task* last = first;
  for (std::size_t i = 1; i < kBatch; ++i) last = last->link;
  first_ = last->link;
  count_ -= kBatch;
  arena_.give_back(first, last);
}

}  // namespace taskscope::sched
