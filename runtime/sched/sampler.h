// Sampler: what the processors are working on, asked so many times in each second of their work.
//
// Each thread that drives workers has a timer of its own on its processor time, whose signal
// (SIGPROF, as in every profiler) finds it at whatever it does just then: a task, with a worker or
// without one, or the scheduler. The handler walks the frames of that stack by their pointers,
// within its bounds, and writes one `sample` to the lane of threads that are no worker's: that of
// the worker may be in the middle of a record, and only its own thread could wait for it. Nothing
// is put into a table there; equal stacks are found by the recorder. If the lane is busy for some
// microseconds, or the interrupted thread itself holds it, the sample is counted as lost.
//
// Nothing of all this exists until a recorder asks for it: no timer, no handler. The handler stays
// for good once it was needed, because a signal may still be under way; what is not ours is passed
// on to who was there before. Under ThreadSanitizer, which delivers signals late, there are no
// samples.
//
// Owned by Tracing. Any thread.
#pragma once

#include <signal.h>

#include <atomic>
#include <cstdint>

#include "runtime/base/lock.h"

namespace taskscope::sched {

class Scheduler;
class Thread;

class Sampler {
 public:
  // Threads that join from now on are sampled `hz` times a second; 0: not.
  Sampler(Scheduler& scheduler, std::uint16_t hz);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  // All threads are sampled from now on, or not any more; at the end the trace is told how many
  // samples were lost since its last one.
  void start(std::uint16_t hz);
  void stop();
  bool running() const { return hz_.load(std::memory_order_relaxed) != 0; }

  // The calling thread begins to drive workers, or ends.
  void join(Thread& thread);
  void leave(Thread& thread);

  // In the handler, on the thread; `context` is where it was interrupted.
  void take(Thread& thread, const void* context);

  // In the child of a fork, which inherits no timers.
  void forget();

 private:
  // Says why not.
  static bool can_sample();
  void add_timer(Thread& thread) TASKSCOPE_REQUIRES(lock_);
  static void remove_timer(Thread& thread);

  // Constant after construction.
  Scheduler& scheduler_;

  base::Lock lock_;
  bool told_of_failure_ TASKSCOPE_GUARDED_BY(lock_) = false;
  // Atomic: written under lock_; relaxed, others only guess.
  std::atomic<std::uint16_t> hz_;
  // Atomic: samples since the last one that was written; relaxed.
  std::atomic<std::uint64_t> lost_{0};
};

// What a thread keeps for it.
struct SampledThread {
  // Guarded by Sampler's lock.
  timer_t timer{};
  bool has_timer = false;
  bool has_left = false;
  // Constant once the thread has begun: its own stack.
  std::uintptr_t stack_low = 0;
  std::uintptr_t stack_end = 0;
};

}  // namespace taskscope::sched
