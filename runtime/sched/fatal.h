// The ways a program of tasks ends by its own fault.
//
// A panic is an exception (as in Go it may be recovered: caught); if it escapes its task the
// program ends. A fatal error cannot be caught. Both end the process at once with status 2, after a
// report on standard error in Go's layout; no destructors run. If several tasks fail at the same
// time the first one speaks.
//
//   try { results.close(); } catch (const ts::Panic& panic) { log(panic.what()); }
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

#include "runtime/instrument/traced_object.h"

namespace taskscope::sched {

// Misuse of a primitive, with Go's wording: "send on closed channel".
class Panic : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

[[noreturn]] void panic(const char* message);
// The same, and which object it was: its name, or where it was made if it has none.
[[noreturn]] void panic(const char* message, const instrument::TracedObject& object);

// "fatal error: MESSAGE", the calling task and its stack. Any thread.
[[noreturn]] void fatal(const std::string& message);

// Prints `report` and exits with status 2.
[[noreturn]] void die(const std::string& report);

// The first who calls speaks for the program that ends; others wait here for that end. False: it is
// the speaker's own report that failed, so the process must end without one. Async-signal-safe.
bool claim_the_last_word();

// All of `text`, unless the descriptor fails. Async-signal-safe.
void write_all(int descriptor, std::string_view text);
// The same, to standard error.
void write_to_stderr(std::string_view text);

// Keeps the trace and exits with status 2; nothing is unwound. Async-signal-safe.
[[noreturn]] void end_program();

// While one lives, an exception that escapes a task is reported as its panic; a fault in the guard
// page of a task's stack as its overflow, any other with the task's name. A fault then ends the
// process by its signal, as without Taskscope. Process-wide; made by ts::run, one at a time.
class FailureHandlers {
 public:
  FailureHandlers();
  ~FailureHandlers();
  FailureHandlers(const FailureHandlers&) = delete;
  FailureHandlers& operator=(const FailureHandlers&) = delete;
};

}  // namespace taskscope::sched
