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

// The same with several locks, which are opened in their order. `held` and the array are the
// caller's, on its stack: before they die it must have taken, once more, every lock but the waker's
// own, which it does anyway to leave the other objects' queues. Then all have been opened.
void park(const WaitSpec& wait, HeldLocks& held);

// The calling task waits for ever (nil channels).
[[noreturn]] void park_for_ever(const WaitSpec& wait);

// Ends the wait of a parked task. Any thread; never under the lock that the task parked with. A
// no-op if the task's run is over.
void ready(Task* task);

// Lets other runnable tasks go first.
void yield();

// Yields if that is asked of the calling task. On any other thread nothing.
void checkpoint();

// Waits for at least `duration_ns`; zero or less is a yield.
void sleep_for(std::int64_t duration_ns, const base::Site& site);

// Tell the trace that an object was closed or is gone, if it knows of the object at all. Any
// thread.
void trace_close(const instrument::TracedObject& object, const base::Site& site);
void trace_object_end(const instrument::TracedObject& object);

// Numbers the runs of this process from 1; 0 between runs. A waiter of an earlier run is gone.
extern std::atomic<std::uint32_t> current_run_number;  // atomic: written between runs only
inline std::uint32_t current_run() { return current_run_number.load(std::memory_order_relaxed); }

}  // namespace taskscope::sched
