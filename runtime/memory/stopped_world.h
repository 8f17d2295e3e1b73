// StoppedWorld: all threads of the run held, so that the memory of tasks is from one instant.
//
// No thread is inside of a BusySection, and each has noted where it is. Made by a task, on its own
// thread, which keeps its worker meanwhile (RuntimeSection).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "runtime/memory/tracer.h"
#include "runtime/sched/halt.h"

namespace taskscope::memory {

class StoppedWorld {
 public:
  // Tries until it has it. `notes` is used while the world is stopped, when nobody can allocate.
  explicit StoppedWorld(std::vector<const sched::HaltNote*>& notes);

  // Whether every task is where it changes no container.
  bool settled() const { return settled_; }

  // Shows stacks, registers and closures of all tasks; the calling task's from `stack_pointer` on.
  void show_tasks(Tracer& tracer, const void* stack_pointer) const;

  // How many threads were held.
  std::size_t threads() const { return notes_.size(); }

 private:
  bool stop();
  bool all_settled() const;
  void show_running(Tracer& tracer, const sched::HaltNote& note) const;

  std::vector<const sched::HaltNote*>& notes_;
  std::vector<std::uint32_t> running_;  // stacks on which threads are
  std::optional<sched::Halt> halt_;
  bool settled_ = false;
};

}  // namespace taskscope::memory

// Calls function(argument, stack pointer) with the caller's registers on the stack from there on.
// In assembly: compilers know which registers a function of theirs leaves alone, keep values there
// and tell nobody.
extern "C" void taskscope_with_registers(void (*function)(void* argument,
                                                          const void* stack_pointer),
                                         void* argument);
