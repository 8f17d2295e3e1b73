// ParkedStacks: gives the memory of stacks to the kernel that their tasks touched once, left again,
// and now wait for long without: a task that recursed deep and is parked for an hour should cost
// what a shallow one does.
//
// The monitor's, in small steps between its other looks. Each wait that lasts for a second is dealt
// with once. Resuming a task must cost nothing for it, so all of the care is here:
//
//   1. The stack is claimed (task_stack.h). After a barrier in all threads of the process
//      (membarrier) a task that is still Blocked cannot be resumed but by who sees the claim, and
//      ends it.
//   2. A task is Blocked a moment before it leaves its stack. So every thread is watched until it
//      has once been seen where no task is about to leave (Thread::is_settled). Then whoever still
//      is claimed has left.
//   3. The claim becomes "giving", for which a resumption waits, and the memory below the stack
//      pointer goes. That takes about a microsecond.
//
// Where the kernel has no membarrier nothing is given back.
//
// Owned by the monitor; called by its thread, but for give_back_after().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace taskscope::sched {

class Scheduler;
struct Task;

class ParkedStacks {
 public:
  explicit ParkedStacks(Scheduler& scheduler) : scheduler_(scheduler) {}
  ParkedStacks(const ParkedStacks&) = delete;
  ParkedStacks& operator=(const ParkedStacks&) = delete;

  // Asks the kernel whether it can.
  void start();

  // Does a little; true if there is more to do soon.
  bool step(std::int64_t now_ns);

  // When to call step() for the tasks that wait since before `since_ns`; 0 if they have been dealt
  // with.
  std::int64_t due_ns(std::int64_t since_ns) const;

  // For tests: how long a wait is long; 0: every wait, again and again. Any thread.
  void give_back_after(std::int64_t wait_ns) { long_ns_.store(wait_ns, std::memory_order_relaxed); }

 private:
  // Resting: until the next pass over all tasks; Looking: collects those that wait for long;
  // Settling: has claimed them, and watches the threads.
  enum class Phase : std::uint8_t { Resting, Looking, Settling };

  void look();
  void claim();
  bool all_settled();
  void give_back();

  // Constant after start().
  Scheduler& scheduler_;
  bool possible_ = false;

  // Owned by the monitor's thread.
  Phase phase_ = Phase::Resting;
  std::int64_t pass_ns_ = 0;          // when this pass began, or the last one
  std::int64_t pass_before_ns_ = 0;   // the one before
  std::size_t next_task_ = 0;         // of this pass
  std::vector<Task*> tasks_;          // to be claimed, then claimed
  std::vector<bool> thread_settled_;  // since then

  // Atomic: a number for tests, relaxed.
  std::atomic<std::int64_t> long_ns_{1'000'000'000};
};

}  // namespace taskscope::sched
