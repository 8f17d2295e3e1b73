// Snapshot: the stacks and closures of all tasks as they are when marking begins.
//
// While all tasks are held, only the stacks on which threads are then are looked at. All others
// stand still: their tasks are parked, or have not begun. The collector looks at them beside the
// tasks that run, and a task that is to run before that is looked at first, by the thread that is
// about to run it. So the snapshot is of one instant, and costs no task more than its own stack.
//
//   a task         from      → to        by
//                  (earlier) → shown     take: it runs
//                  (earlier) → claimed   show_rest, or the thread that is about to run it
//                  claimed   → shown     the same
//
// The collector's; one at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/memory/marker.h"
#include "runtime/memory/stopped_world.h"

namespace taskscope::memory {

class Snapshot {
 public:
  explicit Snapshot(sched::Scheduler& scheduler);
  ~Snapshot() { end(); }
  Snapshot(const Snapshot&) = delete;
  Snapshot& operator=(const Snapshot&) = delete;

  // While all are held: those that run, and what is needed that the others wait for show_rest().
  void take(const StoppedWorld& world, Marker& marker);
  // Beside tasks.
  void show_rest(Marker& marker);
  // Tasks may run as they like again.
  void end();

 private:
  sched::Scheduler& scheduler_;
  std::vector<std::uint32_t> running_;  // stacks on which threads were
};

}  // namespace taskscope::memory
