// ts::Unwinding: how a task ends that can never go on, where that is asked for: by
// TASKSCOPE_LEAKS=unwind for the whole run, or by ts::unwind_leaks() once (leak_watch.h).
//
//   try {
//     answer = replies.recv();
//   } catch (const ts::Unwinding& unwinding) {
//     log(unwinding.what());
//     lost = unwinding.task();
//     throw;
//   }
//
// It is thrown where the task waits, so that destructors give back what it holds, and caught where
// the task began. It is no std::exception, lest it be taken for an error of the program; who
// catches it by `...` should throw it on. A task that keeps it goes on like any other.
#pragma once

#include <string>
#include <utility>

#include "runtime/trace_format/event.h"

namespace taskscope {

class Unwinding {
 public:
  Unwinding(trace_format::TaskId task, std::string text) : task_(task), text_(std::move(text)) {}

  // The task that could not go on. Another one has this from a scope or a future that passes on
  // what ended their tasks.
  trace_format::TaskId task() const { return task_; }
  // `could never go on: it waited in chan recv at FILE:LINE`
  const char* what() const { return text_.c_str(); }

 private:
  trace_format::TaskId task_;
  std::string text_;
};

}  // namespace taskscope
