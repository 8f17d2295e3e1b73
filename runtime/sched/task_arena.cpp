#include "runtime/sched/task_arena.h"

#include <sys/mman.h>

#include <new>

#include "runtime/base/check.h"

namespace taskscope::sched {

namespace {
constexpr std::size_t kBytesEach = sizeof(Task) + sizeof(void*);  // with its place in a list
constexpr std::size_t kDumpableMin = 4096;
}  // namespace

TaskArena::TaskArena() {
  for (capacity_ = kTasksMax; capacity_ > 0; capacity_ /= 2) {
    void* mapping = mmap(nullptr, capacity_ * kBytesEach, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapping == MAP_FAILED) continue;
    tasks_ = static_cast<Task*>(mapping);
    free_ = reinterpret_cast<Task**>(tasks_ + capacity_);
    madvise(mapping, capacity_ * kBytesEach, MADV_DONTDUMP);
    return;
  }
  TASKSCOPE_CHECK(tasks_ != nullptr);
}

TaskArena::~TaskArena() { munmap(static_cast<void*>(tasks_), capacity_ * kBytesEach); }

std::size_t TaskArena::take(Task** tasks, std::size_t count) {
  const base::LockGuard guard(lock_);
  if (free_count_ != 0) {
    count = std::min(count, free_count_);
    free_count_ -= count;
    copy_pointers(free_ + free_count_, count, tasks);
    return count;
  }
  const std::size_t fresh = fresh_.load(std::memory_order_relaxed);
  TASKSCOPE_CHECK(fresh < capacity_);
  count = std::min(count, capacity_ - fresh);
  if (fresh + count > dumpable_) make_dumpable();
  // Highest address first, because they are used from the end: so they are in order.
  for (std::size_t i = 0; i < count; ++i) tasks[i] = new (&tasks_[fresh + count - 1 - i]) Task;
  fresh_.store(fresh + count, std::memory_order_release);
  return count;
}

// Twice as many each time. Failure only costs a core dump its tasks.
void TaskArena::make_dumpable() {
  dumpable_ = std::min(std::max(2 * dumpable_, kDumpableMin), capacity_);
  madvise(static_cast<void*>(tasks_), dumpable_ * sizeof(Task), MADV_DODUMP);
}

void TaskArena::give_back(Task* const* tasks, std::size_t count) {
  const base::LockGuard guard(lock_);
  copy_pointers(tasks, count, free_ + free_count_);
  free_count_ += count;
}

TaskCache::~TaskCache() { arena_.give_back(tasks_.data(), count_); }

// Gives back those that were used longest ago.
void TaskCache::trim() {
  arena_.give_back(tasks_.data(), kBatch);
  copy_pointers(tasks_.data() + kBatch, tasks_.size() - kBatch, tasks_.data());
  count_ -= kBatch;
}

}  // namespace taskscope::sched
