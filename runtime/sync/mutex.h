// Mutex: mutual exclusion between tasks, first come, first served.
//
// Locking a free mutex is one CAS, unlocking it another. An unlock with waiters hands the mutex
// straight to the longest waiter, so nobody starves and nobody can barge in; a waiting task gives
// its worker to others. Satisfies Lockable, so std::scoped_lock and std::unique_lock work. Not
// bound to a task: another task may unlock it. Threads that are no task's may lock it only while it
// is free.
//
// Invariants: state_ is 0 free, 1 locked, 2 locked with waiters; it is 2 exactly while waiters_ is
// not empty, or about to be filled or emptied under lock_.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope {

class Mutex {
 public:
  explicit Mutex(Site site = Site::here()) : Mutex(nullptr, site) {}
  // With a name for traces; `name` must live for ever (a literal).
  explicit Mutex(const char* name, Site site = Site::here())
      : traced_(trace_format::ObjectKind::Mutex, site, 0, name) {}
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  ~Mutex();

  void lock(Site site = Site::here()) {
    std::uint32_t free = 0;
    // Acquire pairs with the release in unlock().
    if (!state_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                        std::memory_order_relaxed)) [[unlikely]] {
      lock_contended(site);
    }
  }

  bool try_lock() {
    std::uint32_t free = 0;
    return state_.compare_exchange_strong(free, 1, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }

  // Panics if it is not locked.
  void unlock() {
    std::uint32_t locked = 1;
    if (!state_.compare_exchange_strong(locked, 0, std::memory_order_release,
                                        std::memory_order_relaxed)) [[unlikely]] {
      unlock_contended(locked);
    }
  }

 private:
  void lock_contended(const Site& site);
  void unlock_contended(std::uint32_t state);

  // Atomic: see the invariants.
  std::atomic<std::uint32_t> state_{0};

  // Guarded by lock_.
  base::Lock lock_;
  sched::WaitQueue waiters_ TASKSCOPE_GUARDED_BY(lock_);
  instrument::TracedObject traced_;
};

}  // namespace taskscope
