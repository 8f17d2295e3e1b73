// TaskStack: the stack of one task, and the monitor's claim on it (parked_stacks.h).
//
// The task's owner reads and writes it like a plain number. The monitor may claim the stack of a
// task that waits; whoever lets such a task run again sees that by the comparison which it makes
// anyway, for tasks that have no stack yet.
//
//   from     → to        by
//   none     → stack     set, when the task first runs
//   stack    → none      take, when it has ended
//   stack    → claimed   the monitor: claim
//   claimed  → stack     the monitor: withdraw; who lets the task run: take_back
//   claimed  → none      take: it was claimed too late, while it ran already
//   claimed  → giving    the monitor: begin_giving
//   giving   → stack     the monitor: end_giving, for which take_back waits
#pragma once

#include <atomic>

#include "runtime/base/futex.h"
#include "runtime/stack/stack_pool.h"

namespace taskscope::sched {

class TaskStack {
 public:
  // The owner.
  void set(stack::StackId stack) { word_.store(stack, std::memory_order_relaxed); }
  stack::StackId take() {
    const stack::StackId stack = id();
    word_.store(stack::kNoStack, std::memory_order_relaxed);
    return stack;
  }
  bool none() const { return word_.load(std::memory_order_relaxed) == stack::kNoStack; }
  // True if there is one that nobody has claimed.
  bool ready() const { return word_.load(std::memory_order_relaxed) < kClaimed; }
  // Ends a claim, if need be by waiting for the monitor. False if there is no stack.
  bool take_back() {
    for (;;) {
      stack::StackId word = word_.load(std::memory_order_acquire);
      if (word == stack::kNoStack) return false;
      if (word < kClaimed) return true;
      if (word >= kGiving) {
        base::futex_wait(word_, word);
      } else if (word_.compare_exchange_strong(word, word & ~kClaimed)) {
        return true;
      }
    }
  }

  // Anyone. kNoStack if there is none.
  stack::StackId id() const {
    const stack::StackId word = word_.load(std::memory_order_relaxed);
    return word == stack::kNoStack ? word : word & ~kGiving;
  }

  // The monitor.
  bool claim() {
    stack::StackId word = word_.load(std::memory_order_relaxed);
    return word < kClaimed && word_.compare_exchange_strong(word, word | kClaimed);
  }
  void withdraw() {
    stack::StackId word = word_.load(std::memory_order_relaxed);
    if (is_claimed(word)) word_.compare_exchange_strong(word, word & ~kClaimed);
  }
  bool begin_giving() {
    stack::StackId word = word_.load(std::memory_order_relaxed);
    return is_claimed(word) && word_.compare_exchange_strong(word, word | kGiving);
  }
  void end_giving() {
    // Release pairs with the acquire in take_back().
    word_.store(id(), std::memory_order_release);
    base::futex_wake(word_, 1);
  }

 private:
  static constexpr stack::StackId kClaimed = stack::StackId{1} << 30;
  static constexpr stack::StackId kGiving = kClaimed | stack::StackId{1} << 31;
  static bool is_claimed(stack::StackId word) { return word >= kClaimed && word < kGiving; }

  // Atomic: see the table. Only the monitor claims, so that what is claimed has been so since.
  std::atomic<stack::StackId> word_{stack::kNoStack};
};

}  // namespace taskscope::sched
