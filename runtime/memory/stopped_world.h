// StoppedWorld: all threads of the run held, so that the memory of tasks is from one instant.
//
// No thread is inside of a BusySection, and each has noted where it is. Made by a thread that is
// none of the run's: the collector's.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/memory/tracer.h"
#include "runtime/sched/halt.h"

namespace taskscope::sched {
struct Task;
}

namespace taskscope::memory {

class StoppedWorld {
 public:
  // What tasks are waited for: any place will do, or some time is spent on waiting that each comes
  // to where it changes no container.
  enum class Where : std::uint8_t { Anywhere, Settled };

  // Tries until it has it, or the run ends.
  StoppedWorld(sched::Scheduler& scheduler, Where where, int patience = 0);
  ~StoppedWorld();
  StoppedWorld(const StoppedWorld&) = delete;
  StoppedWorld& operator=(const StoppedWorld&) = delete;

  // False: the run ends, and nobody is held.
  bool stopped() const { return halt_.has_value(); }
  // Whether every task is where it changes no container.
  bool settled() const { return settled_; }

  // Shows the stacks on which threads are, with their registers.
  void show_running(Tracer& tracer) const;
  // Stacks on which threads are.
  const std::vector<std::uint32_t>& running() const { return running_; }
  const std::vector<const sched::HaltNote*>& notes() const { return notes_; }
  // How long they were held, for each of the times that it was tried: the longest.
  void release();
  std::uint64_t held_ns() const { return held_ns_; }

 private:
  bool stop();
  bool all_settled() const;

  sched::Scheduler& scheduler_;
  std::vector<const sched::HaltNote*> notes_;
  std::vector<std::uint32_t> running_;
  std::optional<sched::Halt> halt_;
  bool settled_ = false;
  std::uint64_t asked_ns_ = 0;
  std::uint64_t held_ns_ = 0;
};

// Shows a task that does not run: its closure and its stack, but for stacks in `but_for`.
void show_task(sched::Scheduler& scheduler, Tracer& tracer, const sched::Task& task,
               const std::vector<std::uint32_t>& but_for = {});

}  // namespace taskscope::memory
