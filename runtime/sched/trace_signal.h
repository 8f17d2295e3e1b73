// Tells the trace of a signal that came to the program. Any thread, not in a signal handler.
#pragma once

namespace taskscope::sched {

void trace_signal(int number);

}  // namespace taskscope::sched
