// Scheduler: one run of ts::run, from its first thread to its last.
//
// Owns the workers, the threads, the tasks, the stacks, the timers and the trace of the run.
//
// How no wake-up is lost (Go's recipe, two-sided; all steps marked S are seq_cst, so they have one
// total order; wake_up_model_test.cpp runs a model of it in every order):
//
//   whoever makes a task runnable              a thread whose worker found nothing
//     S1  puts it into a queue                   S1  puts itself and the worker into the idle pool
//     S2  looks at idle().count(), spinning_     S2  takes itself out of spinning_ if it was in it
//         if one is idle and nobody spins:       S3  looks at every queue again
//         wakes one, which then spins                sleeps only if all were empty
//
//   If the maker's S2 does not see the worker idle, it came before the worker's S1, so its task is
//   seen in S3. If it sees a spinning worker, that one's S2 and S3 are still to come, and it sees
//   the task or hands the duty on: a spinning worker that finds work and is the last to spin wakes
//   another. A waker that counted a spinner but found the idle pool empty takes the count back and
//   looks again (wake_one), because others may have relied on it.
//
// A task that yields, or is moved from one queue to another, is in no queue for a moment: a worker
// may look everywhere just then and fall asleep. So whoever puts it back does S2 too
// (Worker::queue_again); a spinning worker that moves tasks does so when it stops spinning.
//
// A task that is put into an empty next-slot may be left to the worker that has it
// (Worker::offer_next): it runs there next, or the monitor wakes somebody for it.
//
// At most one worker is being woken at a time: it counts as spinning from the waker's CAS on.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/base/thread_time.h"
#include "runtime/instrument/tracer.h"
#include "runtime/sched/attach_listener.h"
#include "runtime/sched/global_queue.h"
#include "runtime/sched/idle_pool.h"
#include "runtime/sched/label_set.h"
#include "runtime/sched/leak_watch.h"
#include "runtime/sched/monitor.h"
#include "runtime/sched/poller.h"
#include "runtime/sched/task_arena.h"
#include "runtime/sched/task_error.h"
#include "runtime/sched/thread.h"
#include "runtime/sched/timers.h"
#include "runtime/sched/tracing.h"
#include "runtime/sched/worker.h"
#include "runtime/stack/stack_pool.h"

namespace taskscope::sched {

// How a run ended, for tests and reports.
struct RunStats {
  std::uint32_t workers = 0;  // when it ended
  std::uint64_t tasks_spawned = 0;
  std::uint64_t tasks_abandoned = 0;  // not ended when the main task did
  std::uint64_t stacks_in_use = 0;    // theirs
  std::uint64_t threads = 0;          // that drove workers, over the whole run
  bool threads_abandoned = false;     // a task did not reach a scheduling point in time
};

class Scheduler {
 public:
  static constexpr std::uint32_t kWorkersMax = 1024;
  static constexpr std::size_t kThreadsMax = 10'000;
  static constexpr std::uint32_t kVainMax = 12;  // 4,096 next-slots, some 300 us of ping-pong

  struct Options {
    std::uint32_t workers = 1;
    std::size_t stack_bytes = stack::kStackBytesDefault;
    const char* stack_setting = "TASKSCOPE_STACK";  // where the program says their size
    ManualClock* clock = nullptr;                   // null: it goes by the real clock
    std::uint64_t ring_capacity = 0;                // of recorders that attach, in records
  };
  // `tracer` is null for a run that no recorder has launched.
  Scheduler(const Options& options, std::unique_ptr<instrument::Tracer> tracer);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Runs `body(memory)` as the main task, where `closure` is what `memory` points to, and returns
  // when it has ended and all threads have stopped. False if some thread did not stop in time: its
  // task never reached a scheduling point. The scheduler must then be left alone for ever, like
  // Go's other goroutines when main returns.
  bool run(TaskBody body, void* closure, const base::Site& site);

  // REQUIRES: run() has returned.
  RunStats stats() const;

  // For tests: how many threads may drive workers. Any thread.
  void set_threads_max(std::size_t count);

  // Changes the number of workers, 1 to kWorkersMax; returns the old one. Any thread.
  std::uint32_t set_workers(std::uint32_t count);

  // Any thread, but no task that has a worker. `by` is the task that does it, or null.
  void submit_foreign(Task* task, std::string_view name, Task* by);
  // What tasks inherit that no task starts, but threads and timers. Takes over a reference.
  // REQUIRES: called once.
  void set_strangers_labels(const LabelSet* labels) { strangers_labels_.store(labels); }
  const LabelSet* strangers_labels() const { return strangers_labels_.load(); }
  void ready_foreign(Task* task, Task* by);
  void ready_polled(PolledTasks tasks);  // for the poller
  // Behind all others, a task that is runnable already.
  void queue_global(Task* task, instrument::Lane* lane);

  // Ends the run, as the main task has ended.
  void stop();

  // The rest is for workers, threads and the monitor.
  bool stopping() const { return stopping_.load(std::memory_order_seq_cst); }
  TaskId take_ids(TaskId count) { return next_id_.fetch_add(count, std::memory_order_relaxed); }
  static constexpr TaskId kIdBlock = 64;

  // Wakes an idle worker if there is one and nobody is looking for work already.
  void wake_one_if_useful(instrument::Lane* lane) {
    if (idle_.count() == 0) return;
    if (spinning_.load(std::memory_order_seq_cst) != 0) return;
    wake_one(lane);
  }
  // An idle worker, or null, for a thread that has none.
  Worker* take_idle_worker();
  // The same for an idle thread; takes it out of the pool too.
  Worker* take_back(Thread& thread);
  void add_idle_thread(Thread& thread);
  // Gives a worker that somebody has just taken from its task a thread, or lets it rest.
  void hand_on(Worker& worker);
  // The same for one that was taken from a call.
  void hand_on_from_call(Worker& worker);
  // For whoever has made workers idle without being a thread that goes to sleep now: one of those
  // looks for work and, if it was the last worker, for a deadlock or a clock to move.
  void look_after_idling();
  // Retires a worker that was asked to, which the caller drives. False if it is to stay after all.
  bool retire_if_asked(Worker& worker);
  bool any_work() const;
  // A deadline that no idle thread sleeps to, or descriptors that none waits for.
  bool anything_unwatched() const;
  // All workers idle, nothing queued, no task under way, nobody asleep to a deadline or waiting for
  // a descriptor.
  bool all_asleep() const;
  // With a manual clock that moves by itself: if all workers are idle and only a timer can make a
  // task ready, moves the clock to the earliest and gives idle `thread` a worker to fire it with.
  // Null: nothing happened.
  Worker* leap_in_time(Thread& thread);
  // Tasks that run, or are in a call, without a worker. One that finds a worker, or waits, is
  // counted until it can be found there; its thread looks for a deadlock afterwards.
  void count_workerless(int change) {
    workerless_.fetch_add(kWorkerlessChange + static_cast<std::uint64_t>(change));
  }
  // Those of them that lost it because they computed.
  void count_preempted(int change) { preempted_.fetch_add(change, std::memory_order_relaxed); }
  int preempted() const { return preempted_.load(std::memory_order_relaxed); }
  std::uint32_t workerless() const { return static_cast<std::uint32_t>(workerless_.load()); }
  void count_foreign_end() { ended_foreign_.fetch_add(1, std::memory_order_relaxed); }
  // Every thread that was ever started.
  template <class Visit>
  void for_each_thread(Visit visit) const {
    const base::LockGuard guard(threads_lock_);
    for (const Driver& driver : drivers_) visit(*driver.thread);
  }
  // The same for who has locked threads_lock(), or looks at a copy of the process.
  template <class Visit>
  void each_listed_thread(Visit visit) const TASKSCOPE_NO_ANALYSIS {
    for (const Driver& driver : drivers_) visit(*driver.thread);
  }
  base::Lock& threads_lock() TASKSCOPE_ANNOTATION(lock_returned(threads_lock_)) {
    return threads_lock_;
  }
  std::size_t threads() const { return threads_started_.load(std::memory_order_relaxed); }
  // Those of them that run already: no more than a listing made later finds.
  std::size_t threads_up() const { return threads_up_.load(std::memory_order_relaxed); }

  // One idle thread sleeps no longer than to the earliest deadline; the others rely on it. It is
  // the one with the earliest deadline. False if another one keeps time already, or nobody sleeps.
  bool become_timekeeper(std::int64_t deadline_ns);
  void resign_timekeeper(std::int64_t deadline_ns);
  std::int64_t timekeeper_deadline_ns() const {
    return timekeeper_deadline_ns_.load(std::memory_order_seq_cst);
  }
  // A timer with this deadline was started: an idle thread must not sleep longer.
  void watch_deadline(std::int64_t deadline_ns, instrument::Lane* lane) {
    if (deadline_ns < timekeeper_deadline_ns() && timers_.manual_clock() == nullptr) {
      wake_one_if_useful(lane);
    }
  }

  bool may_spin() const;
  void add_spinner() { spinning_.fetch_add(1, std::memory_order_seq_cst); }
  // True if it was the last.
  bool remove_spinner() { return spinning_.fetch_sub(1, std::memory_order_seq_cst) == 1; }

  // Searches of woken workers that found nothing, in a row; no more than kVainMax.
  std::uint32_t vain_searches() const { return vain_searches_.load(std::memory_order_relaxed); }
  void count_search(bool found) {
    const std::uint32_t vain = vain_searches();
    const std::uint32_t now = found ? 0 : std::min(vain + 1, kVainMax);
    if (now != vain) vain_searches_.store(now, std::memory_order_relaxed);
  }

  // All that were ever made, retired ones too.
  std::span<const std::unique_ptr<Worker>> workers() const {
    return {workers_.data(), workers_made()};
  }
  std::uint32_t workers_made() const {
    // Acquire pairs with the release in make_worker().
    return workers_made_.load(std::memory_order_acquire);
  }
  // How many there are to be.
  std::uint32_t worker_count() const { return worker_count_.load(std::memory_order_seq_cst); }
  GlobalQueue& global() { return global_; }
  IdlePool& idle() { return idle_; }
  Monitor& monitor() { return monitor_; }
  Timers& timers() { return timers_; }
  PassedOnErrors& passed_on_errors() { return passed_on_errors_; }
  Poller& poller() { return poller_; }
  TaskArena& tasks() { return tasks_; }
  const TaskArena& tasks() const { return tasks_; }
  SpawnPaths& spawn_paths() { return spawn_paths_; }
  stack::StackPool& stacks() { return stacks_; }
  const stack::StackPool& stacks() const { return stacks_; }
  const char* stack_setting() const { return stack_setting_; }
  Tracing& tracing() { return tracing_; }
  const AttachListener& attach_listener() const { return attach_listener_; }
  LeakWatch& leak_watch() { return leak_watch_; }
  // Of the thread in ts::run: what lies beyond is the program's.
  const void* run_frame() const { return run_frame_; }
  // Held while the number of workers changes.
  base::Lock& resize_lock() TASKSCOPE_ANNOTATION(lock_returned(resize_lock_)) {
    return resize_lock_;
  }
  // A task that had no worker is runnable again: the plain `ready` of FORMAT.md.
  void queue_workerless(Task* task);

  // In the child of a fork: nobody else is there, and the rings are the parent's.
  void after_fork();

 private:
  bool any_workerless() const { return workerless() != 0; }
  bool make_worker(std::uint32_t index);
  void retire(Worker& worker) TASKSCOPE_REQUIRES(resize_lock_);
  // False if none can be started now, but others go on: then the worker is the caller's again.
  bool start_thread(Worker& worker);
  void leave_idle(Worker& worker);
  void wake_one(instrument::Lane* lane);
  bool wake_idle_worker(instrument::Lane* lane);
  void adopt_main(TaskBody body, void* closure, const base::Site& site);
  bool wait_for_threads();
  bool all_stopped(std::size_t stopped);
  bool only_calls_left(std::size_t stopped);
  void note_times();
  bool any_starved();
  void trace_stop(bool clean);

  Tracing tracing_;

  // Constant after construction.
  TaskArena tasks_;
  stack::StackPool stacks_;
  const char* const stack_setting_;

  GlobalQueue global_;
  Timers timers_;
  SpawnPaths spawn_paths_;
  PassedOnErrors passed_on_errors_;
  Poller poller_;
  IdlePool idle_{kWorkersMax};
  Monitor monitor_{*this};
  AttachListener attach_listener_{*this};
  LeakWatch leak_watch_{*this};
  const void* run_frame_ = nullptr;

  // Guarded by resize_lock_ while it grows: places below workers_made_ are constant.
  base::Lock resize_lock_;
  std::array<std::unique_ptr<Worker>, kWorkersMax> workers_;

  // Guarded by threads_lock_.
  struct Driver {
    std::unique_ptr<Thread> thread;
    std::thread handle;
    std::optional<base::ThreadTime> time;  // when the end of the run began to wait for it
  };
  mutable base::Lock threads_lock_;
  std::vector<Driver> drivers_ TASKSCOPE_GUARDED_BY(threads_lock_);
  bool told_of_threads_ TASKSCOPE_GUARDED_BY(threads_lock_) = false;
  std::size_t threads_max_ TASKSCOPE_GUARDED_BY(threads_lock_) = kThreadsMax;

  // Atomic: see the recipe above.
  alignas(64) std::atomic<std::uint32_t> spinning_{0};
  // Atomic: until when the timekeeper sleeps, kNever without one. A resigning timekeeper is awake
  // and looks for work; when it finds some it wakes another worker, which then keeps time.
  std::atomic<std::int64_t> timekeeper_deadline_ns_{Timers::kNever};
  // Atomic: see count_workerless(): the number in the lower half, changes in the upper. Seq_cst.
  static constexpr std::uint64_t kWorkerlessChange = std::uint64_t{1} << 32;
  std::atomic<std::uint64_t> workerless_{0};
  // Atomic: a bound, relaxed.
  std::atomic<int> preempted_{0};
  // Atomic: grows with release after the worker is made.
  alignas(64) std::atomic<std::uint32_t> workers_made_{0};
  // Atomic: written under resize_lock_. Workers that were asked to retire count no more, but may
  // still run a task: retiring_.
  std::atomic<std::uint32_t> worker_count_{0};
  std::atomic<std::uint32_t> retiring_{0};
  // Atomic: set once, seq_cst, before all idle threads are woken.
  std::atomic<bool> stopping_{false};
  // Atomic: threads whose loop has ended; release, pairs with the acquire in wait_for_threads().
  std::atomic<std::uint32_t> stopped_{0};
  // Atomic: task ids are given to workers in blocks; relaxed, only uniqueness matters.
  std::atomic<TaskId> next_id_{2};
  // Atomic: see set_strangers_labels().
  std::atomic<const LabelSet*> strangers_labels_{nullptr};
  // Atomic: a guess, relaxed; woken workers and the monitor write it.
  std::atomic<std::uint32_t> vain_searches_{0};
  // Atomic: tasks started and ended without a worker, threads started, threads in their loop;
  // relaxed, counters.
  std::atomic<std::uint64_t> spawned_foreign_{0};
  std::atomic<std::uint64_t> ended_foreign_{0};
  std::atomic<std::size_t> threads_started_{0};
  std::atomic<std::size_t> threads_up_{0};
};

}  // namespace taskscope::sched
