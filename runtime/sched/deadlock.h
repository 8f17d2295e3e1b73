// Tells a deadlock from a quiet moment.
//
// When every worker is asleep, nothing is queued and no timer is armed, only something outside the
// tasks could wake them. The rule, chosen so that the verdict is never wrong: if the process has
// any thread besides the workers and the one that called ts::run, it is not a deadlock, because
// that thread may yet send, close, unlock or call ts::go. The last worker to fall asleep asks once
// a second.
#pragma once

namespace taskscope::instrument {
class Lane;
}

namespace taskscope::sched {

class Scheduler;

// Ends the process with Go's report and status 2 if all tasks are asleep for good. REQUIRES: all
// workers are idle, the caller among them.
void report_if_deadlocked(Scheduler& scheduler, instrument::Lane* lane);

}  // namespace taskscope::sched
