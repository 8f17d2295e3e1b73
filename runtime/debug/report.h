// The last words of a program, as text: a panic, a fatal error, a deadlock. Go's layout.
//
// Pure functions of plain values, so that tests can hold them against what they should say.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/site.h"
#include "runtime/debug/stack_trace.h"

namespace taskscope::debug {

// Who spawned a task, or its parent, and so on.
struct Ancestor {
  std::uint64_t id = 0;  // 0: not known, it has ended
  std::string name;      // may be empty
  base::Site spawn_site;
};

struct TaskInfo {
  std::uint64_t id = 0;
  std::string name;    // may be empty
  std::string labels;  // "request=17, user=ann"; may be empty
  std::uint64_t parent = 0;
  base::Site spawn_site;
  std::vector<Ancestor> ancestors;   // the parent first
  std::uint32_t more_ancestors = 0;  // that came before these
};

struct BlockedTask {
  TaskInfo task;
  std::string_view reason;  // "chan recv"
  base::Site wait_site;
  std::string object;  // its name; may be empty
  struct Arm {
    std::string_view operation;  // "recv"
    std::string_view kind;       // of its object: "channel"
    std::string object;          // its name; may be empty
    base::Site made_at;
  };
  std::vector<Arm> arms;  // of a select
  std::string holder;     // of a lock: "task 5 has it"; may be empty
  std::int64_t waited_ns = 0;
};

// "FILE:LINE (FUNCTION)", the function left out if it is a lambda; paths below the working
// directory are shown relative to it.
std::string format_site(const base::Site& site);

// `task 12 "reader" {request=17}`.
std::string format_task(const TaskInfo& task);

// `thrown in task 7 "fetch", spawned at FILE:LINE (FUNCTION) by task 1`: where an exception came
// from that another task passed on.
std::string format_origin(const TaskInfo& task);

//   panic: MESSAGE
//
//   task 12 "reader" [running]:
//   FUNCTION
//           FILE:LINE
//   spawned at FILE:LINE (FUNCTION) by task 7 "acceptor"
//   which was spawned at FILE:LINE (FUNCTION) by task 1
std::string running_report(std::string_view headline, const TaskInfo* task,
                           const ReadableStack& stack);

// "12,345".
std::string with_thousands(std::size_t number);

// "spawned at FILE:LINE (FUNCTION) by task 1", and a line for each ancestor but the main task;
// nothing where that is unknown.
void append_spawned(std::string& out, const TaskInfo& task);

// What a select waits for. The channels of another select of the same group may be others.
void append_arms(std::string& out, const std::vector<BlockedTask::Arm>& arms);

// The lines of `stack` alone; "… N frames more" between the first and the last.
std::string stack_lines(const ReadableStack& stack);

// One group for each (spawn site, wait site, reason, holder), the main task's first, then by lowest
// id; at most 50 groups, and how many tasks the others hold.
std::string deadlock_report(const std::vector<BlockedTask>& tasks);

}  // namespace taskscope::debug
