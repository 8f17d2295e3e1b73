// RWMutex: many readers or one writer. Go's sync.RWMutex.
//
// Without a writer, taking and leaving a read lock is one atomic addition each. Readers and writers
// take turns: a writer that waits keeps new readers out, so that readers cannot starve it; when it
// is done, all readers that came meanwhile go before the next writer. Writers among themselves are
// served in the order they came. As in Go, a task that holds a read lock must not take another one:
// with a writer between the two it would wait for itself.
//
// Satisfies SharedLockable: lock, unlock, try_lock and lock_shared, unlock_shared,
// try_lock_shared, so std::shared_lock, std::unique_lock and std::scoped_lock work. Threads that
// are no task's may lock it only when they need not wait.
//
// Invariants (state_ is a number of readers and two flags):
//   1. The number counts the read locks, and readers that are about to find out that they must wait
//      (momentary ones: they came while a flag was set).
//   2. kHeld: a writer has it; every reader that is counted then is a momentary one.
//   3. kWanted: a task is in writers_ or readers_, or about to be. Set and cleared under lock_. Set
//      without kHeld it means that a writer waits for the readers that are counted to leave.
//   4. Whoever ends what a queued task waits for (a writer that unlocks, the last reader that
//      leaves, a momentary reader, a writer that gives up) sees kWanted and comes to lock_.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope {

class RWMutex {
 public:
  explicit RWMutex(Site site = Site::here()) : RWMutex(nullptr, site) {}
  // With a name for traces; `name` must live for ever (a literal).
  explicit RWMutex(const char* name, Site site = Site::here())
      : traced_(trace_format::ObjectKind::RwMutex, site, 0, name) {}
  RWMutex(const RWMutex&) = delete;
  RWMutex& operator=(const RWMutex&) = delete;
  ~RWMutex();

  // For writing: waits until nobody else has it.
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
  [[nodiscard]] bool try_lock() { return take_free(); }
  // Panics if it is not locked for writing.
  void unlock() {
    std::uint64_t held = kHeld;
    // Release pairs with the acquire of whoever locks next.
    if (!state_.compare_exchange_strong(held, 0, std::memory_order_release,
                                        std::memory_order_relaxed)) [[unlikely]] {
      unlock_contended(held);
    }
  }

  // For reading: waits while a writer has it or waits for it.
  void lock_shared(Site site = Site::here()) {
    if (!add_reader()) [[unlikely]]
      lock_shared_contended(nullptr, site.file, site.function, site.line);
  }
  template <channel::Cancellable C>
  [[nodiscard]] bool lock_shared(const C& context, Site site = Site::here()) {
    const channel::DoneChannel done = context.done_core();
    if (done != nullptr && done->closed()) return false;
    return add_reader() || lock_shared_contended(done, site.file, site.function, site.line);
  }
  [[nodiscard]] bool try_lock_shared() {
    std::uint64_t state = state_.load(std::memory_order_relaxed);
    while ((state & (kHeld | kWanted)) == 0) {
      if (state_.compare_exchange_weak(state, state + 1, std::memory_order_acquire,
                                       std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  // Panics if it is not locked for reading.
  void unlock_shared() {
    // Release pairs with the acquire of the writer that locks next.
    const std::uint64_t before = state_.fetch_sub(1, std::memory_order_release);
    if ((before & (kHeld | kWanted)) != 0 || before == 0) [[unlikely]]
      unlock_shared_contended(before);
  }

 private:
  static constexpr std::uint64_t kHeld = std::uint64_t{1} << 62;
  static constexpr std::uint64_t kWanted = std::uint64_t{1} << 61;
  static constexpr std::uint64_t kReaders = kWanted - 1;

  bool take_free() {
    std::uint64_t free = 0;
    return state_.compare_exchange_strong(free, kHeld, std::memory_order_acquire,
                                          std::memory_order_relaxed);
  }
  // False: it is counted, but a writer is there.
  bool add_reader() {
    return (state_.fetch_add(1, std::memory_order_acquire) & (kHeld | kWanted)) == 0;
  }
  bool lock_contended(channel::DoneChannel done, const char* file, const char* function,
                      std::uint32_t line);
  bool lock_shared_contended(channel::DoneChannel done, const char* file, const char* function,
                             std::uint32_t line);
  void unlock_contended(std::uint64_t state);
  void unlock_shared_contended(std::uint64_t before);
  // Gives it to those who wait and now may have it; returns them as a list to be readied.
  sched::Waiter* settle() TASKSCOPE_REQUIRES(lock_);
  // True: the calling reader, which is counted, has it. False: it is not counted any more.
  bool keep_or_uncount(sched::Waiter*& woken) TASKSCOPE_REQUIRES(lock_);

  // Atomic: see the invariants.
  std::atomic<std::uint64_t> state_{0};

  // Guarded by lock_.
  base::Lock lock_;
  sched::WaitQueue writers_ TASKSCOPE_GUARDED_BY(lock_);
  sched::WaitQueue readers_ TASKSCOPE_GUARDED_BY(lock_);
  instrument::TracedObject traced_;
};

}  // namespace taskscope
