// The dump of all tasks (dump.h) as it is put together in a copy of the process, where nothing runs
// and nobody waits: what task has which stack, and which tasks have the same.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/sched/halt.h"
#include "runtime/sched/task_selection.h"

namespace taskscope::sched {

class Scheduler;

TaskNumbers count_tasks(const Scheduler& scheduler, const TaskSelection& selection);

// `notes` are those of the threads that were held when the copy was made.
std::string dump_text(const Scheduler& scheduler, const std::vector<const HaltNote*>& notes,
                      const TaskSelection& selection, std::string_view headline);

}  // namespace taskscope::sched
