// TaskError: an exception that ended one task and is passed on to another: by a scope, by a future.
//
// rethrow() throws it there. If it then escapes that task too, the report of the panic says in
// which task it was thrown first. Values; any task.
#pragma once

#include <array>
#include <cstddef>
#include <exception>

#include "runtime/base/lock.h"
#include "runtime/debug/report.h"

namespace taskscope::sched {

struct TaskError {
  std::exception_ptr error;
  debug::TaskInfo task;  // in which it was thrown; id 0: in none

  explicit operator bool() const { return error != nullptr; }
};

// What the calling task is handling. REQUIRES: inside a catch block.
TaskError current_task_error();

[[noreturn]] void rethrow(const TaskError& error);

// The last ones that were passed on, for the report of a panic. They are kept alive, so that no
// later exception can be mistaken for one of them; owned by the run's Scheduler.
class PassedOnErrors {
 public:
  void add(const TaskError& error);
  // The task in which `error` was thrown first; id 0 if that is not known.
  debug::TaskInfo origin_of(const std::exception_ptr& error) const;

 private:
  static constexpr std::size_t kKept = 4;

  // Guarded by lock_.
  mutable base::Lock lock_;
  std::array<TaskError, kKept> kept_ TASKSCOPE_GUARDED_BY(lock_);
  std::size_t next_ TASKSCOPE_GUARDED_BY(lock_) = 0;
};

}  // namespace taskscope::sched
