// errno of the calling thread, through a function.
//
// For code that runs in tasks: errno belongs to the thread, tasks of one thread use it in turn, and
// ThreadSanitizer, which follows tasks, would take that for a race. The functions are not
// instrumented. As errno itself, it must be read before anything that may wait.
#pragma once

namespace taskscope::base {

int os_error();
void set_os_error(int error);

}  // namespace taskscope::base
