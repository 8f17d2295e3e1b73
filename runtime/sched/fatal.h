// The two ways a program of tasks goes wrong by its own fault.
//
// A panic is an exception (as in Go it may be recovered: caught); if it escapes its task the
// program ends. A fatal error cannot be caught. Both end the process with status 2 and a report on
// standard error.
#pragma once

#include <stdexcept>
#include <string>

namespace taskscope::sched {

// Misuse of a primitive, with Go's wording: "send on closed channel".
class Panic : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] void panic(const char* message);

// Prints "fatal error: MESSAGE" with the calling task, its stack and where it was started, and
// exits with status 2. Any thread.
[[noreturn]] void fatal(const std::string& message);

}  // namespace taskscope::sched
