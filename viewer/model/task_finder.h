// "Go to task": the tasks that what somebody typed may mean, the likeliest first. Pure, any
// thread; looks at every task, so not on the UI thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <string_view>
#include <vector>

#include "viewer/model/session.h"

namespace taskscope::viewer {

struct FoundTasks {
  std::vector<TaskIndex> tasks;  // best first
  std::size_t total = 0;         // that match
};

// Every word of `typed` must occur in a task's number, label, name or spawn site. The number itself
// comes first, then labels that begin so, then labels, then places.
FoundTasks find_tasks(const TraceSession& session, std::string_view typed, std::size_t tasks_max,
                      const std::atomic<bool>& stop);

}  // namespace taskscope::viewer
