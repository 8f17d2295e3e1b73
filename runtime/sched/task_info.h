// A task as reports show it.
#pragma once

#include "runtime/debug/report.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {

inline debug::TaskInfo task_info(const Task& task) {
  return {.id = task.id,
          .name = task.name == nullptr ? "" : task.name,
          .parent = task.parent,
          .spawn_site = task.spawn_site()};
}

}  // namespace taskscope::sched
