// ts::dump_tasks: what every task is doing, as text.
//
//   log(ts::dump_tasks());
//
// Tasks with the same stack are one group, with their number, the first few of them, how long they
// have waited, for what, who has that, and where they were spawned; the largest group first. The
// program goes on. SIGQUIT (Ctrl-\) prints the same and ends the program with status 2, as in Go,
// unless the program has a handler of its own for it.
//
// All threads of the run are held while the process is copied (halt.h): milliseconds, and 1 to 2 µs
// for each task that has a stack. The copy finds the stacks and their names out. A system call that
// signals cut short whatever their flags may return EINTR for it, as for a preemption.
#pragma once

#include <string>

namespace taskscope {

// Any thread; a sentence if there are no tasks. A task that calls it is in a blocking call
// meanwhile.
std::string dump_tasks();

namespace sched {

class Scheduler;

// While one lives, SIGQUIT prints all tasks and ends the process. Process-wide; made by ts::run,
// one at a time. A disposition that the program has set stays.
class QuitSignal {
 public:
  explicit QuitSignal(Scheduler& scheduler);
  ~QuitSignal();
  QuitSignal(const QuitSignal&) = delete;
  QuitSignal& operator=(const QuitSignal&) = delete;

 private:
  bool installed_ = false;
};

}  // namespace sched
}  // namespace taskscope
