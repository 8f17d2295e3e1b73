// Scheduler: one run of ts::run, from its first worker thread to its last.
//
// Owns the workers, the tasks, the stacks, the timers and the trace of the run.
//
// How no wake-up is lost (Go's recipe, two-sided; all steps marked S are seq_cst, so they have one
// total order):
//
//   whoever makes a task runnable              a worker that found nothing
//     S1  puts it into a queue                   S1  enters the idle list (idle_count_ + 1)
//     S2  looks at idle_count_ and spinning_     S2  if it was spinning, leaves that (spinning_ -
//     1) if someone is idle and nobody spins:       S3  looks at every queue again
//         wakes one, which then spins            sleeps only if all were empty
//
//   If the maker's S2 does not see the worker idle, it came before the worker's S1, so its task is
//   seen in S3. If it sees a spinning worker, that one's S2 and S3 are still to come, and it sees
//   the task or hands the duty on: a spinning worker that finds work and is the last to spin wakes
//   another. A waker that counted a spinner but found the idle list empty takes the count back and
//   looks again (wake_one), because others may have relied on it.
//
// A task that yields, or is moved from one queue to another, is in no queue for a moment: a worker
// may look everywhere just then and fall asleep. So whoever puts it back does S2 too
// (Worker::offer_queued); a spinning worker that moves tasks does so when it stops spinning.
//
// At most one worker is being woken at a time: a woken one counts as spinning from the waker's CAS
// on.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/instrument/tracer.h"
#include "runtime/sched/global_queue.h"
#include "runtime/sched/poller.h"
#include "runtime/sched/task_arena.h"
#include "runtime/sched/timers.h"
#include "runtime/sched/worker.h"
#include "runtime/stack/stack_pool.h"

namespace taskscope::sched {

// How a run ended, for tests and reports.
struct RunStats {
  std::uint32_t workers = 0;
  std::uint64_t tasks_spawned = 0;
  std::uint64_t tasks_abandoned = 0;  // not ended when the main task did
  std::uint64_t stacks_in_use = 0;    // theirs
  bool threads_abandoned = false;     // a task did not reach a scheduling point in time
};

class Scheduler {
 public:
  // `tracer` is null for a run that is not recorded, `clock` for one that goes by the real clock.
  Scheduler(std::uint32_t workers, std::unique_ptr<instrument::Tracer> tracer,
            ManualClock* clock = nullptr);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Runs `body(closure)` as the main task and returns when it has ended and all workers have
  // stopped. False if some worker did not stop in time: its task never reached a scheduling point.
  // The scheduler must then be left alone for ever, like Go's other goroutines when main returns.
  bool run(void (*body)(void*), void* closure, const base::Site& site);

  // REQUIRES: run() has returned.
  RunStats stats() const;

  // Any thread that is no worker.
  void submit_foreign(void (*body)(void*), void* closure, std::string_view name,
                      const base::Site& site);
  void ready_foreign(Task* task);

  // A worker's thread: ends the run, as the main task has ended.
  void stop();

  // The rest is for workers.
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  TaskId take_id_block() { return next_id_.fetch_add(kIdBlock, std::memory_order_relaxed); }
  static constexpr TaskId kIdBlock = 64;

  // Wakes an idle worker if there is one and nobody is looking for work already.
  void wake_one_if_useful(instrument::Lane* lane) {
    if (idle_count_.load(std::memory_order_seq_cst) == 0) return;
    if (spinning_.load(std::memory_order_seq_cst) != 0) return;
    wake_one(lane);
  }
  void add_idle(Worker& worker);
  // False if somebody has taken it out to wake it.
  bool remove_idle(Worker& worker);
  bool any_work() const;
  // All workers idle, nothing queued, nobody asleep to a deadline or waiting for a descriptor.
  bool all_asleep() const;
  // With a manual clock that moves by itself: if all workers are idle, `worker` among them, and
  // only a timer can make a task ready, moves the clock to the earliest and takes `worker` out of
  // the idle list. False: nothing happened.
  bool leap_in_time(Worker& worker);

  // One idle worker sleeps no longer than to the earliest deadline; the others rely on it. It is
  // the one with the earliest deadline. False if another one keeps time already, or nobody sleeps.
  bool become_timekeeper(std::int64_t deadline_ns);
  void resign_timekeeper(std::int64_t deadline_ns);
  // A timer with this deadline was started: an idle worker must not sleep longer.
  void watch_deadline(std::int64_t deadline_ns, instrument::Lane* lane) {
    if (deadline_ns < timekeeper_deadline_ns_.load(std::memory_order_seq_cst) &&
        timers_.manual_clock() == nullptr) {
      wake_one_if_useful(lane);
    }
  }

  bool may_spin() const;
  void add_spinner() { spinning_.fetch_add(1, std::memory_order_seq_cst); }
  // True if it was the last.
  bool remove_spinner() { return spinning_.fetch_sub(1, std::memory_order_seq_cst) == 1; }

  std::vector<std::unique_ptr<Worker>>& workers() { return workers_; }
  GlobalQueue& global() { return global_; }
  Timers& timers() { return timers_; }
  Poller& poller() { return poller_; }
  TaskArena& tasks() { return tasks_; }
  stack::StackPool& stacks() { return stacks_; }
  // Null while the run is not recorded.
  instrument::Tracer* tracer() { return traced_ ? tracer_.get() : nullptr; }

  // In the child of a fork.
  void stop_tracing();

 private:
  void wake_one(instrument::Lane* lane);
  Worker* take_idle();
  bool wait_for_workers();

  // Constant after construction.
  std::unique_ptr<instrument::Tracer> tracer_;
  bool traced_ = false;
  TaskArena tasks_;
  stack::StackPool stacks_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;

  GlobalQueue global_;
  Timers timers_;
  Poller poller_;

  // Guarded by idle_lock_.
  mutable base::Lock idle_lock_;
  std::vector<Worker*> idle_ TASKSCOPE_GUARDED_BY(idle_lock_);

  // Atomic: see the recipe above. idle_count_ is the size of idle_, written under its lock.
  alignas(64) std::atomic<std::uint32_t> idle_count_{0};
  std::atomic<std::uint32_t> spinning_{0};
  // Atomic: until when the timekeeper sleeps, kNever without one. A resigning timekeeper is awake
  // and looks for work; when it finds some it wakes another worker, which then keeps time.
  std::atomic<std::int64_t> timekeeper_deadline_ns_{Timers::kNever};
  // Atomic: set once, seq_cst, before all idle workers are woken.
  alignas(64) std::atomic<bool> stopping_{false};
  // Atomic: workers whose loop has ended; release, pairs with the acquire in wait_for_workers().
  std::atomic<std::uint32_t> stopped_{0};
  // Atomic: task ids are given to workers in blocks; relaxed, only uniqueness matters.
  std::atomic<TaskId> next_id_{2};
  // Atomic: tasks started by threads that are no worker's; relaxed, a counter.
  std::atomic<std::uint64_t> spawned_foreign_{0};
};

}  // namespace taskscope::sched
