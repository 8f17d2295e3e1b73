// Mutex: mutual exclusion between tasks. Go's sync.Mutex.
//
//   ts::Mutex mutex("accounts");
//   std::scoped_lock lock(mutex);
//   if (!mutex.held_by_current_task()) log("a bug");
//
// Locking a free mutex is one atomic operation, unlocking it another; who waits and in which order
// they get it stands in lock_core.h. Satisfies Lockable: std::scoped_lock, std::unique_lock and the
// others work (mutex_guards.h), and so does lock(context), which gives up with a context.
//
// The task that locked it is known: held_by_current_task() is for assertions, and the report of a
// deadlock names it. But it is not bound to that task: as in Go another one may unlock it. Threads
// that are no task's may lock it only while it is free. May be destroyed as soon as the last one
// that uses it has unlocked it, even while that unlock returns.
#pragma once

#include "runtime/sync/lock_core.h"

namespace taskscope {

// lock, try_lock and unlock are those of LockCore.
class Mutex : public sync::LockCore {
 public:
  // Not explicit, so that it may be left out where a struct with one is initialised.
  Mutex(Site site = Site::here()) : Mutex(nullptr, site) {}
  // With a name for traces; `name` must live for ever (a literal).
  explicit Mutex(const char* name, Site site = Site::here())
      : LockCore(trace_format::ObjectKind::Mutex, name, site) {}
};

}  // namespace taskscope
