// Context: one stack of execution, left and entered again, with the notices sanitizers need.
//
// A worker's own loop is one context, every started task another. Owned by its worker or task;
// entered by one thread at a time. The order between two entries comes from the scheduler's queues.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/sanitizer.h"

namespace taskscope::stack {

struct Extent {
  void* low = nullptr;  // lowest usable byte
  std::size_t bytes = 0;
};

class Context {
 public:
  // Makes this the context of the calling thread's own stack.
  void adopt_thread();

  // Makes this a context that begins with function(argument) on a fresh stack. The function calls
  // entered() first and never returns. `own` is that of the calling thread's own stack, wherever it
  // runs now.
  void prepare(Extent extent, void (*function)(void*), void* argument, const Context& own);

  // Leaves this context and continues `to`; returns when somebody switches back to this one.
  void switch_to(Context& to);

  // The same for a context that is never entered again.
  [[noreturn]] void finish_into(Context& to);

  // REQUIRES: first thing on a new stack.
  static void entered();

  // Where its stack pointer was when it was left. REQUIRES: it has been, and is not entered.
  const void* left_at() const { return sp_; }

  // Where to begin when its calls are to be found out, together with left_at().
  static std::uintptr_t resumes_at();

  // For debuggers: where in this object left_at() lies.
  static constexpr std::size_t pointer_offset() { return offsetof(Context, sp_); }

  // Forgets what the sanitizers know of a finished (or abandoned) prepared context.
  void retire();

 private:
  // Owned by whoever switches away from or to it.
  void* sp_ = nullptr;
#if TASKSCOPE_ASAN
  void* fake_stack_ = nullptr;
  Extent extent_;
#endif
#if TASKSCOPE_TSAN
  void* fiber_ = nullptr;
#endif
};

}  // namespace taskscope::stack
