// What a debugger must know of this process to list its tasks, as a table of named numbers:
// where the active run keeps its tasks and stacks, and where in those it finds what. So the script
// for gdb (runtime/debug/taskscope_gdb.py), which is part of every program, needs no debug
// information of the runtime, and works on a core file.
#pragma once

namespace taskscope::sched {

class Scheduler;

// Null: no run is active. REQUIRES: under the lock of the process's run.
void show_to_debuggers(const Scheduler* scheduler);

}  // namespace taskscope::sched
