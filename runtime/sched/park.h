// The internal waiting API: what channels, locks and everything else that blocks is built from.
//
// A primitive protects its list of waiters with a base::Lock. To wait: lock, enter the waiter, call
// park() with the lock held. To wake: lock, take the waiter out, unlock, call ready(). park() opens
// the lock only after the task has left its stack, so a waker never meets a task that still runs.
//
// Order in the trace (FORMAT.md): Block is written before the lock opens, Ready before the task is
// in a run queue, Spawn before the child is.
//
// No function here may be entered with a reference into thread_local storage in a register: the
// task may continue on another thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {

// The task that calls, or null on a thread that is no worker.
Task* current_task();

// The task that calls. On any other thread the program ends with a message that names `operation`:
// only tasks can wait.
Task* current_task_for(const char* operation);

// The calling task waits until somebody calls ready() with it. `held` is released meanwhile, and
// not taken again. REQUIRES: called by a task that holds `held` and can be found through what it
// protects.
void park(const WaitSpec& wait, base::Lock& held) TASKSCOPE_RELEASE(held);

// Several locks of one wait: of all the objects that may end it.
struct HeldLocks {
  base::Lock* const* first = nullptr;  // `count` different ones
  std::size_t count = 0;
};

// One of several things that a wait is for, as a recording tells of it.
struct WaitArm {
  trace_format::ArmOperation operation = trace_format::ArmOperation::Unknown;
  instrument::TracedObject* object = nullptr;  // null: a time

  // Before the clock is read for the events of the wait: it may write records of its own.
  template <class Lane>
  void announce(Lane& lane) const {
    if (object != nullptr) lane.object(*object);
  }
  template <class Lane>
  trace_format::ObjectId id_in(const Lane& lane) const {
    return object == nullptr ? 0 : object->id_in(lane.session());
  }
};

// All of them, for whoever asks before the task has left its stack, or while it cannot be woken.
struct WaitArms {
  // Fills in the first arm at or after place `from` of `select`; returns the place behind it, or 0
  // if there is none.
  std::size_t (*next)(const void* select, std::size_t from, WaitArm& arm) = nullptr;
  const void* select = nullptr;

  // Calls `visit(arm)` with each.
  template <class Visit>
  void each(Visit visit) const {
    WaitArm arm;
    for (std::size_t at = 0; (at = next(select, at, arm)) != 0;) visit(arm);
  }
};

// Calls `visit(arm)` with the arms of a select.
template <class Visit>
void each_arm(const ParkedWait& wait, Visit visit) {
  if (wait.arms != nullptr && wait.object == nullptr) wait.arms->each(visit);
}

// The same with whatever may end a wait that is for one object, too: a context's channel.
template <class Visit>
void each_way_out(const ParkedWait& wait, Visit visit) {
  if (wait.arms != nullptr) wait.arms->each(visit);
}

// The same with several locks, which are opened in their order. `held` and the array are the
// caller's, on its stack: before they die it must have taken, once more, every lock but the waker's
// own, which it does anyway to leave the other objects' queues. Then all have been opened. `arms`
// are all that may end the wait beside `wait.object`: without one the trace and reports tell them.
void park(const WaitSpec& wait, HeldLocks& held, const WaitArms& arms);

// The calling task waits for ever (nil channels), or until it is unwound.
[[noreturn]] void park_for_ever(const WaitSpec& wait);

// Ends the wait of a parked task, which may run at once; a no-op if the task's run is over. Any
// thread. Does not wait itself, so the caller may hold locks, even the one that the task parked
// with if that outlives what the task does next; it is cheaper after unlocking.
void ready(Task* task);

// Ends the wait of a task that can never go on (leak_search.h) by ts::Unwinding, thrown where it
// waits. REQUIRES: that is proved, and nobody else does this to a task that this one might wake, or
// the other way round. Any thread.
void unwind(Task* task);
// Whether the last wait of the calling task was ended so. Whoever parks has to look, take its
// waiters out of all queues and throw.
bool is_unwound();
// Throws ts::Unwinding. REQUIRES: is_unwound().
[[noreturn]] void throw_unwinding();
inline void throw_if_unwound() {
  if (is_unwound()) [[unlikely]]
    throw_unwinding();
}

// Lets other runnable tasks go first.
void yield();

// Yields if that is asked of the calling task. On any other thread nothing.
void checkpoint();

// Waits for at least `duration_ns`; zero or less is a yield.
void sleep_for(std::int64_t duration_ns, const base::Site& site);

// Tells the trace for which of its arms the calling task was woken.
void trace_chosen(const WaitArm& arm);

// Tell the trace that an object was closed or is gone, if it knows of the object at all. Any
// thread.
void trace_close(const instrument::TracedObject& object, const base::Site& site);
void trace_object_end(const instrument::TracedObject& object);

// Numbers the runs of this process from 1; 0 between runs. A waiter of an earlier run is gone.
extern std::atomic<std::uint32_t> current_run_number;  // atomic: written between runs only
inline std::uint32_t current_run() { return current_run_number.load(std::memory_order_relaxed); }

}  // namespace taskscope::sched
