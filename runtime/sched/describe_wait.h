// What a task waits for, in words: for the report of a deadlock and the dump of all tasks.
//
// REQUIRES of all: the task is Blocked and stays so, because nothing runs or this is a copy of the
// process.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/debug/report.h"
#include "runtime/sched/park.h"
#include "runtime/sched/task.h"
#include "runtime/sched/task_info.h"

namespace taskscope::sched {

// Who has what `task` waits for, if that is a lock: "task 5 has it".
std::string describe_holder(const Task& task, const FindTask& find, std::int64_t now_ns);

// Empty if it has none.
std::string name_of(const instrument::TracedObject* object);

// What a select waits for.
std::vector<debug::BlockedTask::Arm> describe_arms(const Task& task);

}  // namespace taskscope::sched
