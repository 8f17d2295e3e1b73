// A task as reports show it.
#pragma once

#include <functional>

#include "runtime/debug/report.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {

// The task with this id, or null if it has ended.
using FindTask = std::function<const Task*(TaskId)>;

// With the places where its ancestors were spawned, of whom only the parent's number is known.
debug::TaskInfo task_info(const Task& task);

// The same with the names and numbers of those ancestors that can be found: of a task that lives
// the parent is known. REQUIRES: no task ends meanwhile.
debug::TaskInfo task_info(const Task& task, const FindTask& find);

}  // namespace taskscope::sched
