// Mutex: mutual exclusion between tasks. Go's sync.Mutex.
//
// Locking a free mutex is one atomic operation, unlocking it another. An unlock wakes the longest
// waiter but leaves the mutex free, so that a task that runs already may take it in passing: that
// is many times the throughput of handing it over. A waiter that has waited for more than a
// millisecond makes the mutex starving: then it is handed straight to the longest waiter, nobody
// barges in, until a waiter gets it that has not waited that long or is the last.
//
// Satisfies Lockable: std::scoped_lock, std::unique_lock and the others work. Not bound to a task:
// another task may unlock it. Threads that are no task's may lock it only while it is free. May be
// destroyed as soon as the last one that uses it has unlocked it, even while that unlock returns.
//
// Invariants:
//   1. kLocked: somebody has it. kWaiters: waiters_ is not empty, or about to be filled or emptied
//      under lock_. Set and cleared under lock_.
//   2. kWoken: a waiter was woken and has neither taken the mutex nor queued again; nobody else
//      is woken meanwhile.
//   3. kStarving: an unlock keeps kLocked and hands over. Set and cleared under lock_; implies
//      kLocked and kWaiters.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
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

  // Waits until nobody has it.
  void lock(Site site = Site::here()) {
    if (!take_free()) [[unlikely]]
      lock_contended(nullptr, site.file, site.function, site.line);
  }
  // The same, but false if `context` is done first, or already.
  template <channel::Cancellable C>
  [[nodiscard]] bool lock(const C& context, Site site = Site::here()) {
    const channel::DoneChannel done = context.done_core();
    if (done != nullptr && done->closed()) return false;
    return take_free() || lock_contended(done, site.file, site.function, site.line);
  }

  // False if somebody has it, or is to have it next.
  [[nodiscard]] bool try_lock() { return take_free() || try_lock_contended(); }

  // Panics if it is not locked.
  void unlock() {
    std::uint32_t locked = kLocked;
    // Release pairs with the acquire in take_free().
    if (!state_.compare_exchange_strong(locked, 0, std::memory_order_release,
                                        std::memory_order_relaxed)) [[unlikely]] {
      unlock_contended(locked);
    }
  }

 private:
  static constexpr std::uint32_t kLocked = 1;
  static constexpr std::uint32_t kWaiters = 2;
  static constexpr std::uint32_t kWoken = 4;
  static constexpr std::uint32_t kStarving = 8;

  struct Waiting;

  bool take_free() {
    std::uint32_t free = 0;
    return state_.compare_exchange_strong(free, kLocked, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }
  bool lock_contended(channel::DoneChannel done, const char* file, const char* function,
                      std::uint32_t line);
  bool try_lock_contended();
  void unlock_contended(std::uint32_t state);
  bool take(std::uint32_t state, std::uint32_t also_clear);
  bool take_or_announce(std::uint32_t woken, std::uint32_t starving);

  // Atomic: see the invariants.
  std::atomic<std::uint32_t> state_{0};

  // Guarded by lock_.
  base::Lock lock_;
  sched::WaitQueue waiters_ TASKSCOPE_GUARDED_BY(lock_);
  instrument::TracedObject traced_;
};

}  // namespace taskscope
