// The signal that takes a worker from a task that has run too long.
//
// Its handler runs on the task's own thread. It moves no task and switches no stack; all it may do
// is let go of the worker (Thread::lose_worker_if_asked), and wait while all are held for a dump
// (halt.h). The signal is SIGURG, as in Go: programs
// hardly use it, libc does not, and debuggers pass it on silently.
#pragma once

#include <signal.h>

namespace taskscope::sched {

inline constexpr int kPreemptSignal = SIGURG;

// While one lives, the signal is handled. Process-wide; made by ts::run, one at a time. A SIGURG
// that somebody else sent is passed on to the handler that was installed before.
class PreemptSignal {
 public:
  PreemptSignal();
  ~PreemptSignal();
  PreemptSignal(const PreemptSignal&) = delete;
  PreemptSignal& operator=(const PreemptSignal&) = delete;
};

// To a thread of this process, by its number.
void send_preempt_signal(int os_thread);

}  // namespace taskscope::sched
