// Lock: the runtime's own short-term mutual exclusion between OS threads.
//
// A futex mutex after Drepper ("Futexes are tricky", mutex 2), but opened by a plain store: one
// atomic operation for a critical section instead of two, no system call without contention. It
// spins first because every critical section of the runtime is tens of nanoseconds long. Unlike
// std::mutex it may be unlocked by another task of the same thread, which is how a task that blocks
// keeps its object locked until it has left its stack. Tasks of the program use ts::Mutex, never
// this.
//
// Invariants: state is 0 free, 1 locked, 2 locked and somebody may sleep. An unlock looks for 2 and
// then stores 0; a 2 that is written in between is lost, so nobody sleeps longer than kNapNs before
// he tries again. That takes a thread that has spun in vain and a race of a few nanoseconds.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/sanitizer.h"
#include "runtime/base/thread_annotations.h"

namespace taskscope::base {

class TASKSCOPE_CAPABILITY("lock") Lock {
 public:
  Lock() = default;
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

  void lock() TASKSCOPE_ACQUIRE() {
    std::uint32_t free = 0;
    // Acquire pairs with the release in unlock().
    if (!state_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                        std::memory_order_relaxed)) [[unlikely]] {
      lock_contended();
    }
    annotate_acquire(this);
  }

  bool try_lock() TASKSCOPE_TRY_ACQUIRE(true) {
    std::uint32_t free = 0;
    const bool taken = state_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                                      std::memory_order_relaxed);
    if (taken) annotate_acquire(this);
    return taken;
  }

  void unlock() TASKSCOPE_RELEASE() {
    annotate_release(this);
    unlock_unannotated();
  }

  // Whether somebody has it: for who looks when nobody can change that.
  bool is_locked() const { return state_.load(std::memory_order_relaxed) != 0; }

  // The two halves of unlock() for a task that leaves its stack in between: the task announces
  // what it did (release_here), whoever runs next opens the lock.
  void release_here() { annotate_release(this); }
  void unlock_unannotated() TASKSCOPE_NO_ANALYSIS {
    // For ThreadSanitizer always the exchange: what a store releases replaces what release_here()
    // announced for another task, an exchange adds to it.
    if (TASKSCOPE_TSAN || state_.load(std::memory_order_relaxed) == 2) [[unlikely]]
      return unlock_contended();
    state_.store(0, std::memory_order_release);
  }

 private:
  void lock_contended();
  void unlock_contended();

  // Atomic: see the invariants.
  std::atomic<std::uint32_t> state_{0};
};

class TASKSCOPE_SCOPED_CAPABILITY LockGuard {
 public:
  explicit LockGuard(Lock& lock) TASKSCOPE_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~LockGuard() TASKSCOPE_RELEASE() { lock_.unlock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

 private:
  Lock& lock_;
};

}  // namespace taskscope::base
