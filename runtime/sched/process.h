// The run of this process: what a thread that is no worker must know to reach it.
//
// The one place of process-wide mutable state in the runtime, because ts::go has no argument that
// would name the scheduler. At most one run is active at a time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/lock.h"

namespace taskscope::sched {

class Scheduler;

// Held while `scheduler()` is used from outside, so that the run cannot end under the caller.
class ActiveRun {
 public:
  ActiveRun();
  ~ActiveRun();
  ActiveRun(const ActiveRun&) = delete;
  ActiveRun& operator=(const ActiveRun&) = delete;
  // Null between runs.
  Scheduler* scheduler() const;
};

// False if a run is active already.
bool enter_run(Scheduler& scheduler);
void leave_run();

// True in a process that was forked while a run was active: of the run's threads it has at most the
// one that forked. Any thread.
bool in_forked_child();

// Held by a thread of the runtime that is none of the run's, and wakes only tasks that wait for it:
// it is no reason to believe that somebody else may wake others.
class HelperThread {
 public:
  HelperThread();
  ~HelperThread();
  HelperThread(const HelperThread&) = delete;
  HelperThread& operator=(const HelperThread&) = delete;
};
std::size_t helper_threads();

// Calls `function` when the active run ends, once, when no task runs any more. For what a run has
// changed in the process and must put back. Any thread; not by such a function.
void at_end_of_run(void (*function)());

}  // namespace taskscope::sched
