// Tracing: which recording the run's workers write into, from its beginning to its end.
//
// A program that a recorder has launched is recorded from its first task. A recorder that attaches
// meets tasks in the middle of everything, and must see each of them once, as it was, with all that
// it does from then on:
//
//   1. Every worker is given its lane, silent yet, when it stands between two tasks (Worker::
//      kTrace; idle workers are given theirs, calls and long tasks lose their worker for it).
//   2. All lanes open at once: the recording's time zero. From here on whoever changes a task that
//      this recording has not heard of first writes what it was doing (introduce(), the `alive` of
//      FORMAT.md): it had been doing that since time zero, or the change would have been written.
//   3. Every worker passes between two tasks once more. So nobody is left that began to change a
//      task before 2, and a task that nobody has told of since stands still: it waits, it is in a
//      queue, or it has no worker. The attaching thread tells of all these, and of all timers that
//      are pending.
//
// Who tells of a task claims it through Task::told; others who want to change it wait for that,
// less than a microsecond. Tasks without a worker are changed under ext_lock_, which serves the
// same end.
//
// Detaching is the reverse: the recording ends at one moment, and then every worker loses its lane
// between two tasks. Nothing of the program waits for the recorder at any time.
//
// Owned by the Scheduler. attach() and detach() are called by one thread at a time, the rest by
// any.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>

#include "runtime/base/lock.h"
#include "runtime/instrument/tracer.h"
#include "runtime/sched/recorded.h"
#include "runtime/sched/sampler.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {

class Scheduler;
class TimerQueue;
class Worker;

// What is to be told when a recording ends, before its end, by whoever ends it. Set once, before
// there is anything to tell.
using LastWords = void (*)(instrument::Lane& lane);
void set_last_words(LastWords words);

class Tracing {
 public:
  // `tracer` is that of a recorder which launched the program, or null. One that attaches gets
  // rings of `ring_capacity` records.
  Tracing(Scheduler& scheduler, std::unique_ptr<instrument::Tracer> tracer,
          std::uint64_t ring_capacity);
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;
  ~Tracing();

  // The recorder behind `socket` records from now on. An error says why it does not.
  Result<void> attach(base::UniqueFd socket, const trace_format::Wanted& wanted);
  // The recording ends now; the program goes on without.
  void detach();
  // At the end of the run.
  void tell_last_words();
  // Ahead of destruction, for a run whose threads cannot be stopped.
  void say_goodbye();
  // The recorder's socket, -1 without one. For the thread that attaches and detaches.
  int socket() const { return tracer_ == nullptr ? -1 : tracer_->socket(); }

  // Whether a recorder is there, or is just coming or going.
  bool active() const { return target_.load(std::memory_order_relaxed) != nullptr; }

  // The lane of a worker that is being made; false if there can be none. REQUIRES: the scheduler's
  // lock on the number of workers.
  bool lane_for_new(std::uint32_t worker, instrument::Lane*& lane);
  // Between two tasks: gives the worker the lane that it is to have. Called by its driver, or by
  // who holds the idle worker; `os_thread` drives it, or did last, 0 if none did.
  void pass(Worker& worker, int os_thread, bool idle);

  // Calls `write` with the lane of threads that are no worker's, if the run is recorded.
  template <class Write>
  void outside(Write write) {
    // Relaxed: who comes too early has nothing to tell.
    if (ext_.load(std::memory_order_relaxed) != nullptr) change_outside(write);
  }
  // Changes a task that has no worker: calls `change(lane)` with that lane, or null.
  template <class Change>
  void change_outside(Change change) {
    const base::LockGuard guard(ext_lock_);
    instrument::Lane* const lane = ext_.load(std::memory_order_relaxed);
    if constexpr (std::is_invocable_v<Change, instrument::Lane*>) {
      change(lane);
    } else if (lane != nullptr) {
      change(*lane);
    }
  }

  // In a signal handler: writes a sample of what the calling thread does. False if the lane was
  // busy for too long, or had no room.
  bool try_sample(TaskId task, std::string_view text);
  Sampler& sampler() { return sampler_; }
  // Now and then, while samples are taken: code may have been loaded that no stack has told of.
  void tell_modules() {
    outside([](instrument::Lane& lane) { lane.tell_modules(); });
  }

  // Before any event of the task, and before it is changed: makes sure that the recording knows it.
  // `lane` is the calling worker's. True if a record was written for it, just now.
  static bool introduce(instrument::Lane& lane, Task& task) {
    // Acquire pairs with the release of whoever told: its record is in a ring before ours.
    if (task.told.load(std::memory_order_acquire) != lane.session()) [[unlikely]]
      return introduce_slowly(lane, task, Where::Here);
    return false;
  }
  // The same for a task without a worker. `lane` is that of outside().
  static void introduce_outside(instrument::Lane& lane, Task& task) {
    if (task.told.load(std::memory_order_acquire) != lane.session()) [[unlikely]]
      introduce_slowly(lane, task, Where::Outside);
  }
  // A task that begins now needs no introduction.
  static void introduce_new(instrument::Lane& lane, Task& task) {
    task.region_depth = 0;
    if (lane.look()) task.told.store(lane.session(), std::memory_order_relaxed);
  }
  // Whether the recording knows the task. In a signal handler, too.
  static bool knows(const instrument::Lane& lane, const Task& task) {
    return task.told.load(std::memory_order_relaxed) == lane.session();
  }

  // In the child of a fork: the rings are the parent's.
  void forget();

 private:
  enum class Where : std::uint8_t { Here, Outside };
  static constexpr std::uint16_t kTelling = 1 << 15;  // beside the number of a session

  static bool introduce_slowly(instrument::Lane& lane, Task& task, Where where);
  static void tell(instrument::Lane& lane, Task& task, Where where);
  void begin_round();
  bool finish_round();
  void hurry(Worker& worker, std::int64_t waited_ns);
  bool tell_all();
  bool tell_timers();
  bool tell_some(TimerQueue& queue);
  bool wait_for_room();
  bool recorder_is_gone() const;

  // Constant after construction.
  Scheduler& scheduler_;
  const std::uint64_t ring_capacity_;

  // Owned by the thread that attaches and detaches.
  std::unique_ptr<instrument::Tracer> tracer_;

  Sampler sampler_;

  // Atomic: whose lanes the workers are to have. Written under the scheduler's lock on the number
  // of workers; release, pairs with the acquire in pass().
  std::atomic<instrument::Tracer*> target_{nullptr};
  // Atomic: rises with each call to all workers; the same.
  std::atomic<std::uint32_t> round_{0};

  // Atomic: written under ext_lock_. Used under it only.
  base::Lock ext_lock_;
  std::atomic<instrument::Lane*> ext_{nullptr};
};

}  // namespace taskscope::sched
