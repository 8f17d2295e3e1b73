// Tells a deadlock from a quiet moment.
//
// When every worker is asleep, nothing is queued and no timer is armed, only something outside the
// tasks could wake them. The rule, chosen so that the verdict is never wrong: if the process has
// any thread besides the run's own and the one that called ts::run, it is not a deadlock, because
// that thread may yet send, close, unlock or call ts::go. The last thread to fall asleep asks once
// a second.
#pragma once

#include <cstddef>

namespace taskscope::sched {

class Scheduler;

// Threads that are neither the run's nor the one in ts::run, if `ours` of the run's drive workers;
// at least 1 if that cannot be found out.
std::size_t foreign_threads(Scheduler& scheduler, std::size_t ours);

// Ends the process with Go's report and status 2 if all tasks are asleep for good. REQUIRES: all
// workers are idle, and the caller is a thread of the run.
void report_if_deadlocked(Scheduler& scheduler);

}  // namespace taskscope::sched
