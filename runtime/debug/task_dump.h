// What all tasks of a program are doing, as text: those with the same stack in one group.
//
// Pure functions of plain values (report.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/debug/report.h"

namespace taskscope::debug {

// Tasks with the same stack that do, or wait for, the same.
struct TaskGroup {
  std::string_view state;  // "running", "runnable", "syscall"; of those that wait the reason
  std::size_t count = 0;
  std::vector<TaskInfo> first;  // lowest id first, at least one
  bool waits = false;           // then for so long
  std::int64_t shortest_ns = 0;
  std::int64_t longest_ns = 0;
  ReadableStack stack;
  std::string_view no_stack;  // why there is none
  // What they wait for, if it is the same for all; of the select that the first waits in.
  std::string object;
  std::vector<BlockedTask::Arm> arms;
  std::string holder;
  // Where they were spawned, most first.
  struct Origin {
    base::Site site;
    std::uint64_t parent = 0;  // 0: not the same for all
    std::size_t count = 0;
  };
  std::vector<Origin> origins;
};

struct TaskDump {
  std::vector<TaskGroup> groups;
  std::size_t tasks = 0;  // in these and in those left out
  std::size_t groups_left_out = 0;
  std::size_t tasks_left_out = 0;
};

// How many tasks a group lists, and how many groups a dump.
inline constexpr std::size_t kDumpTasksMax = 10;
inline constexpr std::size_t kDumpGroupsMax = 100;

//   3 tasks [chan recv, 2 s to 5 s]:
//           task 7 "reader", task 8, task 9
//   FUNCTION
//           FILE:LINE
//   waits for "requests"
//   spawned at FILE:LINE (FUNCTION) by task 1
std::string task_dump(std::string_view headline, const TaskDump& dump);

}  // namespace taskscope::debug
