// Halt: all threads of a run held for a moment, each inside the handler of the preemption signal,
// so that what a copy of the process shows of the tasks is from one instant.
//
// Each thread notes its calls before it waits: nobody else can know those of a task that runs. A
// thread that does not answer within a fifth of a second (it blocks signals, or waits in the kernel
// for a disk) goes on; of its task only the state is known then.
//
//   from     → to        by (HaltNote::state)
//   Running  → Asked     Halt::ask
//   Asked    → Stopping  halt_if_asked, the thread's handler, by CAS
//   Stopping → Stopped   the same, when it has noted its calls; it waits
//   Asked    → Running   Halt::release, by CAS: it has not answered
//   Stopped  → Running   Halt::release, which wakes it
//
// One at a time. Async-signal-safe, so a handler may halt the others.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/debug/stack_trace.h"

namespace taskscope::sched {

class Scheduler;
class Thread;

// Whether each thread is to note its calls, or only where it is and its registers.
enum class HaltCalls : std::uint8_t { Noted, NotNeeded };

// What a thread keeps for it.
struct HaltNote {
  enum State : std::uint32_t { kRunning, kAsked, kStopping, kStopped };

  // The calling thread's own calls, here or where a signal has interrupted it; null: here.
  void note(std::uint32_t round, void* context, HaltCalls which);

  // Atomic: see the table; a futex.
  std::atomic<std::uint32_t> state{kRunning};
  // Written by the dumper before it asks.
  std::uint32_t asked_round = 0;
  HaltCalls asked_calls = HaltCalls::Noted;
  // Written by the thread itself.
  std::uint32_t round = 0;              // in which the rest was noted
  const void* stack_pointer = nullptr;  // says whose stack it is
  const void* registers = nullptr;      // where the signal's handler finds them; null: no signal
  debug::CapturedStack calls;
};

// In the handler of the preemption signal; `context` is its third argument.
void halt_if_asked(Thread& thread, void* context);

class Halt {
 public:
  // Halts all threads but the calling one, which notes its calls itself if it is one of the run's;
  // `context` as in HaltNote::note.
  Halt(Scheduler& scheduler, void* context, HaltCalls calls = HaltCalls::Noted);
  ~Halt() { release(); }
  Halt(const Halt&) = delete;
  Halt& operator=(const Halt&) = delete;

  // Lets them go on.
  void release();

  // What they noted: whose calls these are is said by the stack pointer. For whoever holds them, or
  // looks at a copy of the process that was made meanwhile.
  std::vector<const HaltNote*> notes() const;
  // The same into what has room already, for who may not allocate now. False: it has too little.
  bool notes_into(std::vector<const HaltNote*>& notes) const;

 private:
  void ask(HaltCalls calls);
  void wait_for_answers();

  Scheduler& scheduler_;
  const std::uint32_t round_;
  bool locked_;  // the list of threads is ours; else nobody is halted
};

}  // namespace taskscope::sched
