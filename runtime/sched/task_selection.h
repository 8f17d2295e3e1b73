// Some of the tasks of the run: what they are doing, and how many there are.
//
// Found in a copy of the process, as ts::dump_tasks does (dump.h), because a task's labels stand
// still for nobody. Any thread; a task that calls is in a blocking call meanwhile.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "runtime/sched/task.h"
#include "runtime/sched/task_mark.h"

namespace taskscope::sched {

struct TaskSelection {
  const TaskMark* mark = nullptr;  // those under it, and under none that is settled; null: all
  TaskId except = 0;

  bool has(const Task& task) const;
};

// As text; a sentence if it could not be found out.
std::string dump_some_tasks(const TaskSelection& selection);

struct TaskNumbers {
  std::size_t tasks = 0;
  std::size_t able_to_run = 0;  // of these: they have a worker or wait for one
};
// Without stacks and names, which take a second. Nothing if the copy could not be made.
std::optional<TaskNumbers> count_some_tasks(const TaskSelection& selection);

}  // namespace taskscope::sched
