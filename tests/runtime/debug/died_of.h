// How a process died, for EXPECT_EXIT.
#pragma once

#include <signal.h>
#include <sys/wait.h>

#include "runtime/base/sanitizer.h"

namespace taskscope::test {

// By `signal`; sanitizers catch faults and exit.
inline bool died_of_fault(int status, int signal) {
  if (TASKSCOPE_ASAN || TASKSCOPE_TSAN) return !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}
inline bool died_of_segv(int status) { return died_of_fault(status, SIGSEGV); }
inline bool died_of_bus(int status) { return died_of_fault(status, SIGBUS); }

}  // namespace taskscope::test
