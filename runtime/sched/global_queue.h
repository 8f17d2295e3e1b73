// GlobalQueue: runnable tasks of no worker in particular: what overflowed a local queue, and what
// threads that are no worker's made ready. First in, first out, under a lock; any thread.
//
// It keeps the tasks' addresses in blocks, not a list through the tasks: whoever takes a hundred of
// them would wait for the memory of each to find the next, with the lock held.
//
// Invariants (under lock_):
//   1. Every block but the last is not empty; the last one may be, if it is the only one.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "runtime/base/lock.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {

class GlobalQueue {
 public:
  GlobalQueue() = default;
  ~GlobalQueue() {
    // One after another: the default would recurse as deep as there are blocks.
    while (first_ != nullptr) first_ = std::move(first_->next);
  }
  GlobalQueue(const GlobalQueue&) = delete;
  GlobalQueue& operator=(const GlobalQueue&) = delete;

  // Without memory for a block the program ends: half of them would be queued.
  void push(Task* const* tasks, std::size_t count) noexcept {
    const base::LockGuard guard(lock_);
    // Seq_cst: the submit step of the wake-up recipe (scheduler.h).
    const std::size_t size = size_.load(std::memory_order_relaxed) + count;
    while (count > 0) {
      if (last_ == nullptr || last_->end == kBlockTasks) append_block();
      const std::size_t some = std::min(count, kBlockTasks - last_->end);
      copy_pointers(tasks, some, last_->tasks.data() + last_->end);
      last_->end += some;
      tasks += some;
      count -= some;
    }
    size_.store(size, std::memory_order_seq_cst);
  }
  void push(Task* task) { push(&task, 1); }

  // Takes the oldest `count` tasks, or fewer, into `tasks`. Returns how many.
  std::size_t pop(Task** tasks, std::size_t count) {
    if (size() == 0) return 0;
    const base::LockGuard guard(lock_);
    std::size_t taken = 0;
    while (taken < count && first_ != nullptr && first_->begin < first_->end) {
      const std::size_t some = std::min(count - taken, first_->end - first_->begin);
      copy_pointers(first_->tasks.data() + first_->begin, some, tasks + taken);
      first_->begin += some;
      taken += some;
      if (first_->begin == first_->end) remove_empty_block();
    }
    size_.store(size_.load(std::memory_order_relaxed) - taken, std::memory_order_relaxed);
    return taken;
  }

  // Seq_cst: the look-again step of the wake-up recipe (scheduler.h).
  std::size_t size() const { return size_.load(std::memory_order_seq_cst); }

 private:
  static constexpr std::size_t kBlockTasks = 125;  // 1 KiB

  struct Block {
    std::size_t begin = 0;  // [begin, end) are queued
    std::size_t end = 0;
    std::unique_ptr<Block> next;
    std::array<Task*, kBlockTasks> tasks;
  };

  void append_block() TASKSCOPE_REQUIRES(lock_) {
    std::unique_ptr<Block> block =
        spare_ != nullptr ? std::move(spare_) : std::make_unique<Block>();
    Block* const appended = block.get();
    (last_ == nullptr ? first_ : last_->next) = std::move(block);
    last_ = appended;
  }
  void remove_empty_block() TASKSCOPE_REQUIRES(lock_) {
    first_->begin = first_->end = 0;
    if (first_.get() == last_) return;
    spare_ = std::exchange(first_, std::move(first_->next));
  }

  // Guarded by lock_.
  base::Lock lock_;
  std::unique_ptr<Block> first_ TASKSCOPE_GUARDED_BY(lock_);
  Block* last_ TASKSCOPE_GUARDED_BY(lock_) = nullptr;
  std::unique_ptr<Block> spare_ TASKSCOPE_GUARDED_BY(lock_);  // empty

  // Atomic: written under lock_, read without.
  std::atomic<std::size_t> size_{0};
};

}  // namespace taskscope::sched
