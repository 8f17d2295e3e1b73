// LockCore: what ts::Mutex and ts::RWMutex are made of: a lock for one, or for many at once.
//
// Taking it free is one atomic operation, giving it back another. Whoever gives it back wakes the
// longest waiter but leaves it free, so that a task that runs already may take it in passing: that
// is many times the throughput of handing it over. A waiter that has waited for more than a
// millisecond makes it starving: then it is handed straight on, nobody barges in, until a waiter
// gets it that has not waited that long or is the last. After Go's sync.Mutex.
//
// Those who want it alone (writers) and those who share it (readers) take turns: after a writer
// readers are woken first, all that wait together, after readers a writer. While a writer waits,
// readers do not join those who have it, so it is free again and again.
//
// A reader is counted first and looks then: that is one addition where nobody is in the way. If
// somebody is, it counts for a moment although it has nothing (a momentary reader); it comes to
// lock_ and either keeps its place or gives it up.
//
// A task that has lost its worker waits for one before it takes the lock alone, or joins others.
// Beside its worker it would pull the lock from core to core at every turn.
//
// Invariants (of traced_.state; what is "under lock_" is set and cleared there only):
//   1. kLocked: somebody has it alone; all readers that are counted then are momentary ones.
//   2. kWaiters: a queue is not empty. Under lock_. Whoever leaves it free with kWaiters, and
//      without kWoken, wakes somebody.
//   3. kWoken: a waiter was woken and has neither taken it nor queued again; nobody else is woken
//      meanwhile. Under lock_.
//   4. kWriterWaits: a writer is queued, or it is the one that was woken. Under lock_.
//   5. kStarving: it is handed on and never free. Under lock_; implies kWaiters and not kWoken.
//   6. A writer touches nothing of it after it has given it back, unless a waiter is there that has
//      not been made ready: so the last one to unlock it may destroy it. The last reader comes back
//      to lock_ if there are waiters.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/instrument/traced_lock.h"
#include "runtime/sched/recorded.h"
#include "runtime/sched/thread.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope::sync {

class LockCore {
 public:
  LockCore(const LockCore&) = delete;
  LockCore& operator=(const LockCore&) = delete;

  // Waits until nobody else has it.
  void lock(Site site = Site::here()) {
    if (!take_free(sched::checkpoint_id())) [[unlikely]]
      lock_contended(Mode::Alone, nullptr, site.file, site.function, site.line);
  }
  // The same, but false if `context` is done first, or already.
  template <channel::Cancellable C>
  [[nodiscard]] bool lock(const C& context, Site site = Site::here()) {
    const channel::DoneChannel done = context.done_core();
    if (done != nullptr && done->closed()) return false;
    return take_free(sched::checkpoint_id()) ||
           lock_contended(Mode::Alone, done, site.file, site.function, site.line);
  }

  // False if somebody has it, or is to have it next.
  [[nodiscard]] bool try_lock() { return take_free(sched::current_task_id()) || take_if_allowed(); }

  // Panics if nobody has it alone.
  void unlock() {
    // First: who is parked and noted as the holder has not begun to give it back.
    if ((traced_.holder.load(std::memory_order_relaxed) & kByGuard) != 0) [[unlikely]]
      traced_.holder.store(0, std::memory_order_relaxed);
    std::uint32_t alone = kLocked;
    // Release pairs with the acquire of whoever takes it next.
    if (!traced_.state.compare_exchange_strong(alone, 0, std::memory_order_release,
                                               std::memory_order_relaxed)) [[unlikely]] {
      unlock_contended();
    }
  }

  // For the guard that has just taken it for the calling task: notes while the run is recorded that
  // only that guard gives it back, if it stands in a block of that task.
  void note_guard(const void* guard) {
    if (is_recorded()) [[unlikely]]
      note_guard_there(guard);
  }
  // The guard is not bound to that block any more.
  void forget_guard() { traced_.holder.fetch_and(~kByGuard, std::memory_order_relaxed); }
  // The same for readers. What was noted, to be forgotten before the share is given back; 0:
  // nothing.
  std::uint64_t note_reader(const void* guard) {
    return is_recorded() ? note_reader_there(guard) : 0;
  }
  void forget_reader(std::uint64_t noted) {
    if (noted != 0) [[unlikely]]
      traced_.noted_readers.fetch_sub(noted, std::memory_order_relaxed);
  }

  // True if the calling task has it (for writing): for assertions. False if it has not, but for the
  // instant in which another takes what it gave back last: who takes it says so a little later. On
  // a thread that is no task's always false.
  bool held_by_current_task() const {
    const trace_format::TaskId self = sched::current_task_id();
    return self != 0 && (traced_.state.load(std::memory_order_relaxed) & kLocked) != 0 &&
           traced_.holder_task() == self;
  }

 protected:
  LockCore(trace_format::ObjectKind kind, const char* name, const Site& site)
      : traced_(kind, site, 0, name) {}
  ~LockCore();

  void lock_together(channel::DoneChannel done, const Site& site) {
    if (!count_reader()) [[unlikely]]
      lock_contended(Mode::Together, done, site.file, site.function, site.line);
  }
  bool lock_together_unless(channel::DoneChannel done, const Site& site) {
    if (done != nullptr && done->closed()) return false;
    return count_reader() ||
           lock_contended(Mode::Together, done, site.file, site.function, site.line);
  }
  bool try_lock_together() {
    std::uint32_t state = traced_.state.load(std::memory_order_relaxed);
    while (may_read(state)) {
      if (traced_.state.compare_exchange_weak(state, state + kReader, std::memory_order_acquire,
                                              std::memory_order_relaxed)) {
        return true;
      }
    }
    return false;
  }
  void unlock_together() {
    // Release pairs with the acquire of the writer that takes it next.
    const std::uint32_t before = traced_.state.fetch_sub(kReader, std::memory_order_release);
    if (before == kReader) [[likely]]
      return;
    const bool must_wake = (before & (kWaiters | kWoken)) == kWaiters;
    if (must_wake || (before & kLocked) != 0 || before < kReader) unlock_together_contended(before);
  }

 private:
  enum class Mode : std::uint8_t { Alone, Together };

  static constexpr std::uint32_t kLocked = instrument::TracedLock::kLocked;
  static constexpr std::uint32_t kWaiters = 2;
  static constexpr std::uint32_t kWoken = 4;
  static constexpr std::uint32_t kStarving = 8;
  static constexpr std::uint32_t kWriterWaits = 16;
  static constexpr std::uint32_t kReader = instrument::TracedLock::kReader;
  static constexpr trace_format::TaskId kByGuard = instrument::TracedLock::kByGuard;

  struct Waiting;

  static bool may_write(std::uint32_t state) {
    return (state & (kLocked | kStarving)) == 0 && state < kReader;
  }
  static bool may_read(std::uint32_t state) {
    return (state & (kLocked | kStarving)) == 0 && ((state & kWriterWaits) == 0 || state < kReader);
  }
  // Whether whoever gives back `share` leaves it free with somebody to be woken.
  static bool must_wake(std::uint32_t state, std::uint32_t share) {
    const std::uint32_t rest = state - share;
    return rest < kReader && (rest & kLocked) == 0 && (rest & kWaiters) != 0 &&
           (rest & kWoken) == 0;
  }

  bool take_free(trace_format::TaskId self) {
    std::uint32_t free = 0;
    // Acquire pairs with the release of whoever gave it back.
    if (!traced_.state.compare_exchange_strong(free, kLocked, std::memory_order_acquire,
                                               std::memory_order_relaxed)) {
      return false;
    }
    note_holder(self);
    return true;
  }
  // A store would hold up the next atomic operation, and often it is the same task again.
  void note_holder(trace_format::TaskId self) {
    if (traced_.holder.load(std::memory_order_relaxed) != self) {
      traced_.holder.store(self, std::memory_order_relaxed);
    }
  }
  bool take_if_allowed();

  // Counts a reader. True if it has it; else it is a momentary one.
  bool count_reader() {
    // Acquire pairs with the release of the writer that had it last.
    const std::uint32_t before = traced_.state.fetch_add(kReader, std::memory_order_acquire);
    if (before == 0) [[likely]]
      return true;
    if (!may_read(before)) return false;
    return !sched::lost_worker() || count_reader_with_worker();
  }
  // The same for one that is counted beside others although its task has lost its worker.
  bool count_reader_with_worker();
  void note_guard_there(const void* guard);
  std::uint64_t note_reader_there(const void* guard);
  bool lock_contended(Mode mode, channel::DoneChannel done, const char* file, const char* function,
                      std::uint32_t line);
  void unlock_contended();
  void unlock_together_contended(std::uint32_t before);
  trace_format::BlockReason wait_reason(Mode mode) const;
  bool is_rwmutex() const { return traced_.kind() == trace_format::ObjectKind::RwMutex; }

  // What follows returns waiters that were taken out of their queues, to be made ready.
  bool take_or_announce(Mode mode, Waiting& self, bool woken) TASKSCOPE_REQUIRES(lock_);
  sched::Waiter* withdraw() TASKSCOPE_REQUIRES(lock_);
  sched::Waiter* leave() TASKSCOPE_REQUIRES(lock_);
  sched::Waiter* pass_on(std::uint32_t share) TASKSCOPE_REQUIRES(lock_);
  sched::Waiter* wake_one(std::uint32_t share) TASKSCOPE_REQUIRES(lock_);
  sched::Waiter* hand_over(std::uint32_t share) TASKSCOPE_REQUIRES(lock_);
  sched::Waiter* admit_readers() TASKSCOPE_REQUIRES(lock_);
  template <class F>
  void change(F next) TASKSCOPE_REQUIRES(lock_);
  // Under lock_, too; called by lambdas, which the analysis does not follow.
  std::uint32_t with_queues(std::uint32_t state) const TASKSCOPE_NO_ANALYSIS;

  // Its state and holder are atomic: see the invariants.
  instrument::TracedLock traced_;

  // Guarded by lock_.
  base::Lock lock_;
  bool woken_writer_ TASKSCOPE_GUARDED_BY(lock_) = false;  // kWoken stands for a writer
  sched::WaitQueue writers_ TASKSCOPE_GUARDED_BY(lock_);
  sched::WaitQueue readers_ TASKSCOPE_GUARDED_BY(lock_);
};

}  // namespace taskscope::sync
