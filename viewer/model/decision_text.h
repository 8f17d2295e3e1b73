// What the scheduler decided, in words. Pure functions, usable from any thread.
#pragma once

#include <string>
#include <vector>

#include "viewer/model/session.h"

namespace taskscope::viewer {

// A heading and, for several decisions together, a line for each kind:
// "stole 3 tasks from worker 1, first: splitter 17"; "14 decisions", "9 steals: 31 tasks", ….
std::vector<std::string> decision_lines(const TraceSession& session, const DecisionTrack& track,
                                        const DecisionGroup& group);

// What a thread did in the use: "driving worker 3", "asleep, and so is its worker 3", …; of a task
// only whose it is.
std::string thread_use_text(const TraceSession& session, const Thread& thread, std::size_t use);

// "Worker 3", of several programs "Worker 3 of server".
std::string worker_title(const TraceSession& session, const Worker& worker);

// What a worker that runs nothing does at an instant: "asleep: nothing to run", "stopped", ….
std::string idle_text(const Worker& worker, std::int64_t ns);

// The change as a label: "4 workers", "4 → 2 workers".
std::string worker_count_text(const std::vector<WorkerCount>& counts, std::size_t at);

}  // namespace taskscope::viewer
