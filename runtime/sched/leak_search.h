// LeakSearch: which tasks wait for what can never come, found in a copy of the process where nobody
// runs (debug/child.h), so that everything is from one instant (halt.h).
//
// A task that waits can go on only if somebody wakes it, who must be able to get at what it waits
// for. Whoever runs, sleeps, is in a call or waits for the world outside can act by itself; all
// others only if one of those can wake them, or one that those can wake, and so on: a WaitGraph.
//   - A lock that a guard in a task's block has taken is given back by that task and nobody else
//     (traced_lock.h).
//   - A channel is used through handles (traced_channel.h). Every word of memory that was written
//   is
//     looked at: a handle outside of all tasks' stacks and closures can be used by anybody, one
//     inside by that task, each for what its end can do. What refers to a task's stack or closure
//     can use what is there. Frames and registers may hold the channel itself, too, and so may
//     contexts: then somebody is just using it.
//   - Anything else that lies on a task's stack is used by that task and by whoever refers to that
//     stack.
// Whatever is in doubt can act: a thread that is not ours, one that could not be halted, a lock
// that was held at that instant, an object somewhere else. So what is found is proved, provided
// that the program keeps no addresses in disguise (in other bits than a pointer's, or only in the
// kernel) and gives back locks where their guards stand.
//
// What is found if one believes that also other locks are given back by who took them is suspected.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/sched/halt.h"
#include "runtime/sched/task.h"
#include "runtime/sched/traced_channel.h"
#include "runtime/trace_format/leak_text.h"

namespace taskscope::debug {
class Child;
}

namespace taskscope::sched {

class Scheduler;

using trace_format::LeakKind;

// One task that can never go on. A plain value, as it comes out of the copy.
struct LeakedTask {
  TaskId task = 0;
  TaskId waits_for = 0;     // who has the lock that it waits for; 0: it is no lock, or not known
  std::uint64_t place = 0;  // in the arena
  std::uint32_t seq = 0;    // of the task: it has not run since
  std::uint32_t cause = 0;  // tasks with the same number wait for each other, or for these
  LeakKind kind = LeakKind::Leaked;
  bool proved = false;
  std::uint64_t held_bytes = 0;  // of its stack that it uses, in whole pages, and of its closure
  bool is_cause = false;         // it is one of those that the others with its number wait for
  HandleDrop last_drop;          // of what it waits for, by another task
};

struct LeakSearchOptions {
  // How long a task must have waited to be reported.
  std::int64_t waited_ns = 0;
  std::int64_t now_ns = 0;
  // Whether words in memory can be relied on: no other thread may know something that is nowhere.
  bool words = false;
  // Of threads that are no worker's and run the runtime's code only: where that begins.
  std::array<const void*, 2> frames{};
};

// In the copy that `child` is. Empty if it was not to be found out.
std::vector<LeakedTask> search_leaks(const Scheduler& scheduler,
                                     const std::vector<const HaltNote*>& notes,
                                     const debug::Child& child, const LeakSearchOptions& options);

}  // namespace taskscope::sched
