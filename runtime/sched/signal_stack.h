// SignalStack: an alternate stack for signal handlers on the thread that makes it, so that a
// handler can report the overflow of the stack that overflowed. Given back when it goes out of
// scope.
#pragma once

#include <signal.h>

#include <memory>

namespace taskscope::sched {

class SignalStack {
 public:
  SignalStack();
  ~SignalStack();
  SignalStack(const SignalStack&) = delete;
  SignalStack& operator=(const SignalStack&) = delete;

 private:
  std::unique_ptr<char[]> memory_;
  stack_t previous_{};
};

}  // namespace taskscope::sched
