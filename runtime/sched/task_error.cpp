#include "runtime/sched/task_error.h"

#include <utility>

#include "runtime/sched/park.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_info.h"
#include "runtime/sched/thread.h"

namespace taskscope::sched {

TaskError current_task_error() {
  const Task* const task = current_task();
  return {.error = std::current_exception(),
          .task = task == nullptr ? debug::TaskInfo() : task_info(*task)};
}

void rethrow(const TaskError& error) {
  if (Thread* const thread = current_thread(); thread != nullptr && error.task.id != 0) {
    thread->scheduler().passed_on_errors().add(error);
  }
  std::rethrow_exception(error.error);
}

void PassedOnErrors::add(const TaskError& error) {
  TaskError old = error;  // the one that makes room is destroyed without the lock
  const base::LockGuard guard(lock_);
  std::swap(kept_[next_], old);
  next_ = (next_ + 1) % kKept;
}

debug::TaskInfo PassedOnErrors::origin_of(const std::exception_ptr& error) const {
  const base::LockGuard guard(lock_);
  for (const TaskError& each : kept_) {
    if (each.error == error) return each.task;
  }
  return {};
}

}  // namespace taskscope::sched
