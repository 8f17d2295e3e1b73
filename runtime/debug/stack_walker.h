// StackWalker: the calls on a stack that nobody runs on: of a task that waits.
//
// Follows the unwind information of the program and its libraries (libdw), so frames need no frame
// pointers and the result is what a debugger shows. What it has learned of a place in the code it
// keeps: the stacks of a hundred thousand tasks go through a few places. It reads nothing outside
// of the stack that it is given, so a stack that changes meanwhile gives nonsense and no fault.
// Allocates; for a child process (child.h). One thread at a time.
#pragma once

#include <cstdint>
#include <memory>

#include "runtime/debug/stack_trace.h"

namespace taskscope::debug {

// Where a stack was left. Only the stack pointer and the place are needed: where the other
// registers lie, the unwind information of that place says.
struct LeftStack {
  std::uintptr_t instruction = 0;
  std::uintptr_t pointer = 0;
  std::uintptr_t end = 0;  // the first byte behind the stack
};

class StackWalker {
 public:
  StackWalker();
  ~StackWalker();
  StackWalker(const StackWalker&) = delete;
  StackWalker& operator=(const StackWalker&) = delete;

  // The calls of whoever left the stack, innermost first, without the place where it was left.
  // Empty if there is no unwind information.
  CapturedStack walk(const LeftStack& stack);

 private:
  struct Places;
  std::unique_ptr<Places> places_;
};

}  // namespace taskscope::debug
