// RWMutex: many readers or one writer. Go's sync.RWMutex.
//
//   ts::RWMutex mutex("routes");
//   { std::shared_lock reading(mutex); }
//   { std::unique_lock writing(mutex); }
//   if (mutex.try_lock_shared()) mutex.unlock_shared();
//   if (mutex.lock_shared(ctx)) mutex.unlock_shared();  // false: ctx was done first
//
// Taking it free, to read or to write, is one atomic operation, giving it back another. Readers and
// writers take turns: a writer that waits keeps new readers from joining those that have it, and
// whoever has waited for a millisecond is handed it, so neither starves the other. Different from
// Go's: between the last reader and the writer that it wakes, a task that runs already may take it
// in passing (lock_core.h). As in Go, a task that holds a read lock must not take another one: with
// a writer between the two it would wait for itself.
//
// Satisfies SharedLockable: lock, unlock, try_lock and lock_shared, unlock_shared,
// try_lock_shared, so std::shared_lock, std::unique_lock and std::scoped_lock work. Threads that
// are no task's may lock it only when they need not wait. The report of a deadlock names the task
// that writes, and counts those that read.
#pragma once

#include "runtime/sync/lock_core.h"

namespace taskscope {

// lock, try_lock and unlock, for writing, are those of LockCore.
class RWMutex : public sync::LockCore {
 public:
  // Not explicit, so that it may be left out where a struct with one is initialised.
  RWMutex(Site site = Site::here()) : RWMutex(nullptr, site) {}
  // With a name for traces; `name` must live for ever (a literal).
  explicit RWMutex(const char* name, Site site = Site::here())
      : LockCore(trace_format::ObjectKind::RwMutex, name, site) {}

  // For reading: waits while a writer has it or waits for it.
  void lock_shared(Site site = Site::here()) { lock_together(nullptr, site); }
  // The same, but false if `context` is done first, or already.
  template <channel::Cancellable C>
  [[nodiscard]] bool lock_shared(const C& context, Site site = Site::here()) {
    return lock_together_unless(context.done_core(), site);
  }
  // False if a writer has it, or is to have it next.
  [[nodiscard]] bool try_lock_shared() { return try_lock_together(); }
  // Panics if it is not locked for reading.
  void unlock_shared() { unlock_together(); }
};

}  // namespace taskscope
