// Worker: a logical processor (Go's P): a queue of runnable tasks, caches of free tasks and stacks,
// and a lane of the trace.
//
// Whoever drives it owns it: at most one thread at a time. It is handed on through its status:
//
//   from      → to         by
//   Idle      → Running    Thread::take_up, the thread that took it out of the pool or was given it
//   Running   → Idle       into the pool: Thread::go_idle, its thread; Scheduler::hand_on, when
//                          there is nothing for it to run; leave_idle, when no thread can be
//                          started for it. At the end of the run: Thread::loop, start_thread
//   Running   → InCall     Thread::begin_call, its thread, before a call that may take long
//   InCall    → Running    by CAS (take_from_call): Thread::end_call, that thread after the call;
//                          Thread::leave_call_worker, that thread at the beginning of a call known
//                          to be long, or when the task acts inside; the monitor; Tracing::hurry.
//                          All but the first hand it on
//   Running   → Preempted  Thread::lose_worker_if_asked, its thread's signal handler
//   Preempted → Running    the monitor, which hands it on
//   Running   → Retired    Thread::retire_worker, its thread; leave_idle if asked to meanwhile
//   Idle      → Retired    set_workers; leave_idle for one that was just to be woken
//   Retired   → Idle       set_workers
//
// Owned by the Scheduler. Members are called by who drives it, except where it says "any thread".
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "runtime/instrument/lane.h"
#include "runtime/sched/poller.h"
#include "runtime/sched/run_queue.h"
#include "runtime/sched/task.h"
#include "runtime/sched/task_arena.h"
#include "runtime/stack/stack_pool.h"

namespace taskscope::sched {

class Scheduler;
class Thread;

enum class WorkerStatus : std::uint8_t { Idle, Running, InCall, Preempted, Retired };

class alignas(64) Worker {
 public:
  // What is asked of the thread that drives it; looked at between two tasks. kForked: in the child
  // of a fork no task may follow.
  enum Attention : std::uint32_t { kStop = 1, kRetire = 2, kPreempt = 4, kTrace = 8, kForked = 16 };

  Worker(Scheduler& scheduler, std::uint32_t index, instrument::Lane* lane);

  // The next task without looking far, or null: then the loop looks.
  Task* pick_quick();
  // The next task, looked for everywhere; null if there is none, or if it is asked to stop or
  // retire.
  Task* find_work();
  // The next task to run is not the one in the next-slot, if there is another. For who drives it,
  // or holds it while nobody does.
  void end_slice() {
    next_streak_ = kNextStreakMax;
    look_far_ = true;
  }
  // Time slices. A task from the next-slot goes on in that of the task which woke it.
  void begin_slice() {
    next_streak_ = 0;
    slice_.store(slice() + 1, std::memory_order_relaxed);
  }
  // Counts the task that starts to run here.
  void count_entry() {
    // A relaxed load and store, not an add: only the driver writes it.
    tick_.store(tick_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }

  // Makes a task runnable: it becomes the next to run here.
  void make_ready(Task* task);
  // The same, but it runs after those that are queued already. For timers, whose firing is followed
  // by a look at who could run them.
  void make_ready_last(Task* task);
  // Makes tasks runnable whose descriptors are ready.
  void queue_polled(PolledTasks tasks);
  // Starts it: `task` has its body, closure and site; the rest is set here.
  void submit(Task* task, std::string_view name, const Task* parent);
  // Behind all others, a task that was in no queue for a moment, though already runnable: a worker
  // that looked everywhere in that moment is idle now and is told.
  void queue_again(Task* task);
  // Everything queued here, to the global queue.
  void give_tasks_away();
  // True if a yield would run somebody else.
  bool others_wait() const;

  Task* new_task() { return tasks_.take(); }
  void return_task(Task* task) { tasks_.give_back(task); }
  stack::StackCache& stacks() { return stacks_; }
  void count_end() { ++ended_; }

  // Ends its search without a result. True if it was searching.
  bool give_up_spinning();
  // The waker's, before it hands the worker over.
  void set_spinning() { spinning_ = woken_ = true; }

  // A call that may take long: the driver leaves the worker with this, and gets it back only if
  // nobody has taken it. Returns the call's number.
  std::uint64_t begin_call(const Task& task) {
    call_task_ = &task;
    call_task_id_ = task.id;
    const std::uint64_t call = calls() + 1;
    calls_.store(call, std::memory_order_relaxed);
    // Release pairs with the acquire in take_from_call(): the worker is somebody else's from now
    // on.
    status_.store(word(WorkerStatus::InCall, call), std::memory_order_release);
    return call;
  }
  // Who began the call takes the worker back. The number, because the worker may have been taken,
  // handed on and be in the call of another task by now.
  bool take_from_call(std::uint64_t call) { return end_in_call(word(WorkerStatus::InCall, call)); }
  // Others take it from whatever call it is in.
  bool take_from_call() {
    const std::uint64_t now = status_.load(std::memory_order_relaxed);
    return status_of(now) == WorkerStatus::InCall && end_in_call(now);
  }
  // The task of the call. REQUIRES: take_from_call() has succeeded.
  // It may have ended meanwhile.
  const Task& call_task() const { return *call_task_; }
  TaskId call_task_id() const { return call_task_id_; }

  void set_status(WorkerStatus status) {
    // Release pairs with the acquire of whoever takes it over.
    status_.store(word(status), std::memory_order_release);
  }

  // True if it was retired; it is idle then.
  bool revive() {
    std::uint64_t retired = word(WorkerStatus::Retired);
    return status_.compare_exchange_strong(retired, word(WorkerStatus::Idle),
                                           std::memory_order_acquire, std::memory_order_relaxed);
  }

  // Any thread.
  WorkerStatus status() const { return status_of(status_.load(std::memory_order_acquire)); }
  void ask(Attention what) { attention_.fetch_or(what, std::memory_order_seq_cst); }
  // Acquire: what was written before the ask that is taken back is visible.
  void withdraw(std::uint32_t what) { attention_.fetch_and(~what, std::memory_order_acquire); }
  std::uint32_t attention() const { return attention_.load(std::memory_order_relaxed); }
  std::uint32_t tick() const { return tick_.load(std::memory_order_relaxed); }
  std::uint32_t slice() const { return slice_.load(std::memory_order_relaxed); }
  std::uint64_t calls() const { return calls_.load(std::memory_order_relaxed); }
  // Who drives it, or did last.
  Thread* thread() const { return thread_.load(std::memory_order_relaxed); }
  void set_thread(Thread* thread) { thread_.store(thread, std::memory_order_relaxed); }

  // Fires what is due in this worker's queue of timers, or in all. False if nothing was.
  bool fire_timers(bool all);

  // Its task is about to wait.
  void note_wait(trace_format::BlockReason reason) { last_wait_ = reason; }

  instrument::Lane* lane() const { return lane_; }
  // The driver, or who holds the idle worker (Tracing::pass).
  void set_lane(instrument::Lane* lane) { lane_ = lane; }
  // Release: what was done here before is visible to who sees the number with acquire.
  void set_passed(std::uint32_t round) { passed_.store(round, std::memory_order_release); }
  std::uint32_t passed() const { return passed_.load(std::memory_order_acquire); }
  std::uint32_t index() const { return index_; }
  Scheduler& scheduler() const { return scheduler_; }
  RunQueue<Task>& queue() { return queue_; }
  std::uint64_t spawned() const { return spawned_; }
  std::uint64_t ended() const { return ended_; }

  // In the child of a fork: the rings are the parent's.
  void stop_tracing() { lane_ = nullptr; }

 private:
  // A task that is always made ready again by its partner would keep the next-slot, and the queue
  // behind it waiting, for ever.
  static constexpr std::uint32_t kNextStreakMax = 256;

  // The status with the number of the call that it is about, if it is InCall.
  static std::uint64_t word(WorkerStatus status, std::uint64_t call = 0) {
    return call << 8 | static_cast<std::uint64_t>(status);
  }
  static WorkerStatus status_of(std::uint64_t word) {
    return static_cast<WorkerStatus>(word & 0xff);
  }
  bool end_in_call(std::uint64_t in_call) {
    return status_.compare_exchange_strong(in_call, word(WorkerStatus::Running),
                                           std::memory_order_acquire, std::memory_order_relaxed);
  }

  void queue_first(Task* task);
  void mark_ready(Task* task);
  void trace_ready(Task* task);
  void introduce_actor();
  void queue_last(Task* task);
  void overflow(Task* task);
  // Tells others of a task in the next-slot, when that has been of use lately.
  void offer_next();
  void offer_queued();

  // The search, in the order it is tried.
  // What comes from elsewhere: the global queue, the network. Looked at first now and then.
  Task* pick_far();
  // Looks for ready descriptors without waiting.
  Task* pick_polled();
  Task* pick_local();
  Task* pick_global(std::size_t count);
  Task* search_others();
  // Half of what is queued there.
  Task* steal_from(Worker& victim);
  // Whether what is queued there stays there for now, in a search that has taken so long.
  bool leaves_queued(const Worker& victim, std::int64_t searched_ns) const;
  void note_theft(const Task& first, const Worker& victim, std::uint32_t count);
  // What lies in a next-slot is watched for some rounds, and stolen if its owner does not move.
  void watch_next(Worker& victim);
  Task* steal_watched();
  // Becomes more patient if what was stolen last did not run for long.
  void judge_theft();
  bool start_spinning();
  void stop_spinning();
  std::uint32_t random();

  // Constant after construction.
  Scheduler& scheduler_;
  const std::uint32_t index_;

  // Owned by the driver.
  instrument::Lane* lane_;         // null while not recorded
  std::uint32_t next_streak_ = 0;  // tasks in a row that came from the next-slot
  bool look_far_ = false;          // before the own queue
  std::uint32_t random_state_;
  bool spinning_ = false;
  bool woken_ = false;  // for this search
  struct Watched {
    Task* next = nullptr;
    Worker* victim = nullptr;
    std::uint32_t tick = 0;
    std::int64_t waited_ns = 0;  // since
  } watched_;
  static constexpr std::uint32_t kPrefetchAhead = 3;  // tasks
  static constexpr std::int64_t kPatienceMinNs = 3'000;
  std::int64_t patience_ns_ = kPatienceMinNs;  // worker_search.cpp
  trace_format::BlockReason last_wait_{};      // that began here, since the last theft
  std::int64_t stole_ns_ = 0;                  // before this search; 0: it did not
  std::uint32_t kept_back_ = 0;  // next-slots in a row that offer_next() told nobody of
  TaskId next_id_ = 0;           // ids [next_id_, end_id_) are this worker's to give
  TaskId end_id_ = 0;
  std::uint64_t spawned_ = 0;
  std::uint64_t ended_ = 0;
  const Task* call_task_ = nullptr;
  TaskId call_task_id_ = 0;
  TaskCache tasks_;
  stack::StackCache stacks_;

  // Atomic: tasks entered, time slices and calls begun here. Written by the driver, relaxed;
  // thieves and the monitor look whether they move.
  std::atomic<std::uint32_t> tick_{0};
  std::atomic<std::uint32_t> slice_{0};
  std::atomic<std::uint64_t> calls_{0};
  // Atomic: a word(); see the table.
  std::atomic<std::uint64_t> status_{word(WorkerStatus::Idle)};
  // Atomic: written by the driver.
  std::atomic<Thread*> thread_{nullptr};
  // Atomic: see RunQueue.
  RunQueue<Task> queue_;
  // Atomic: bits of Attention; others set them, the driver takes kPreempt and kTrace back.
  alignas(64) std::atomic<std::uint32_t> attention_{0};
  // Atomic: the last of Tracing's rounds that this worker has taken part in.
  std::atomic<std::uint32_t> passed_{0};
};

}  // namespace taskscope::sched
