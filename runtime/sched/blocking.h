// ts::blocking: a call that may block the thread, made without keeping other tasks waiting.
//
//   const ssize_t got = ts::blocking([&] { return ::read(fd, buffer, size); });
//   const int ended = ts::blocking_long([&] { return ::close(fd); });  // takes long for sure
//
// The task stays on its thread; the worker that it ran on is given to another thread, as soon as
// the monitor sees that the call takes longer than some 50 µs and others wait, and is still the
// task's if the call is shorter. So a short call costs a few nanoseconds more than itself.
// Exceptions pass through; the calls may be nested; elsewhere than in a task the function is simply
// called. After the call the task may run on another thread: read errno inside.
#pragma once

#include <utility>

#include "runtime/base/site.h"
#include "runtime/sched/thread.h"

namespace taskscope {

namespace sched {

// What blocking() is made of, for calls that are not one expression.
class BlockingSection {
 public:
  BlockingSection(const base::Site& site, CallLength length);
  ~BlockingSection();
  BlockingSection(const BlockingSection&) = delete;
  BlockingSection& operator=(const BlockingSection&) = delete;

 private:
  bool entered_;
};

}  // namespace sched

// Returns what `function` returns.
template <class F>
decltype(auto) blocking(F&& function, Site site = Site::here()) {
  const sched::BlockingSection section(site, sched::CallLength::Unknown);
  return std::forward<F>(function)();
}

// The same for a call that is known to take long (a child's exit, a name look-up): the worker is
// handed on at once.
template <class F>
decltype(auto) blocking_long(F&& function, Site site = Site::here()) {
  const sched::BlockingSection section(site, sched::CallLength::Long);
  return std::forward<F>(function)();
}

}  // namespace taskscope
