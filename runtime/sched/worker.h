// Worker: a logical processor (Go's P) with the OS thread that drives it.
//
// It runs tasks one after another. A task that stops running picks its successor itself and
// switches straight to it; only when there is nothing quick to pick does it go through the worker's
// own loop, which looks at timers and the global queue, steals, and sleeps. What must happen after
// a task has left its stack (opening the lock it parked with, queueing it again, freeing it) is
// left as a note in `leaving_` and done by whoever runs next on this worker.
//
// Owned by the Scheduler. Members are called by the worker's thread only, on its own stack or on
// that of the task that runs there, except where it says "any thread".
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "runtime/instrument/lane.h"
#include "runtime/sched/park.h"
#include "runtime/sched/poller.h"
#include "runtime/sched/run_queue.h"
#include "runtime/sched/task.h"
#include "runtime/sched/task_arena.h"
#include "runtime/stack/context.h"
#include "runtime/stack/stack_pool.h"

namespace taskscope::sched {

class Scheduler;

class alignas(64) Worker {
 public:
  Worker(Scheduler& scheduler, std::uint32_t index, instrument::Lane* lane);

  // The life of the worker's thread: runs tasks until the scheduler stops.
  void loop();

  // What the running task may do. All but end() return when it runs again, perhaps on another
  // worker.
  void park(const WaitSpec& wait, base::Lock& held);
  void park(const WaitSpec& wait, HeldLocks& held);
  void yield();
  void sleep_until(std::int64_t deadline_ns, const base::Site& site);
  [[noreturn]] void end();

  // Makes a task runnable: it becomes the next to run here.
  void make_ready(Task* task);
  // The same, but it runs after those that are queued already. Followed by offer_queued().
  void make_ready_last(Task* task);

  // A free task, to be filled and submitted or returned.
  Task* new_task() {
    Task* task = tasks_.take();
    base::annotate_acquire(task);
    return task;
  }
  void return_task(Task* task) { tasks_.give_back(task); }
  // Starts it: `task` has its body, closure and site; the rest is set here.
  void submit(Task* task, std::string_view name);

  // Any thread: ends the sleep of this worker. REQUIRES: it was taken out of the idle list.
  void unpark();

  // Fires what is due in this worker's queue of timers, or in all. False if nothing was.
  bool fire_timers(bool all);

  Task* current() const { return current_; }
  instrument::Lane* lane() const { return lane_; }
  std::uint32_t index() const { return index_; }
  Scheduler& scheduler() const { return scheduler_; }
  RunQueue<Task>& queue() { return queue_; }
  std::uint64_t spawned() const { return spawned_; }
  std::uint64_t ended() const { return ended_; }

  // In the child of a fork: the rings are the parent's.
  void stop_tracing() { lane_ = nullptr; }

 private:
  // What is to be done for the task that has just left its stack.
  struct Leaving {
    enum class Kind : std::uint8_t {
      Nothing,
      OpenLock,
      OpenLocks,
      Queue,
      Free
    } kind = Kind::Nothing;
    void* what = nullptr;
  };

  static void task_main(void* task);
  // First thing after every switch, on the new stack; reads the current worker anew.
  static void arrived();

  // The next task without looking far, or null: then the loop looks.
  Task* pick_quick();
  // Takes up `task` as the current one; a switch to its context follows.
  void enter(Task* task, std::uint64_t ticks);
  // Marks the current task as waiting, in the trace too; returns the ticks of that.
  std::uint64_t begin_wait(const WaitSpec& wait);
  // Leaves `self` for `next`, or for the loop without one.
  void leave(Task* self, Leaving leaving, std::uint64_t ticks);
  void tidy_up();
  void* stack_of(const Task* task) const;  // its lowest usable byte
  void free_task(Task* task);
  void queue_last(Task* task);
  void overflow(Task* task);
  // After queue_last() of tasks that were in no queue for a moment, though already runnable: a
  // worker that looked everywhere in that moment is idle now and must be told.
  void offer_queued();

  // The loop's search, in the order it is tried.
  Task* find_work();
  // Looks for ready descriptors without waiting.
  Task* pick_polled();
  // Their wait is over: queues tasks that nobody in particular woke, a list by `link`.
  void queue_woken(Task* first);
  Task* pick_local();
  Task* pick_global(std::size_t count);
  Task* search_others();
  Task* steal_from(Worker& victim, bool also_next);
  bool start_spinning();
  void stop_spinning();
  // Sleeps until there may be work again.
  void sleep();
  PolledTasks wait_for_unpark();
  // The sleep of the one idle worker that waits for descriptors, to `deadline_ns` at the latest.
  PolledTasks wait_in_poll(std::int64_t deadline_ns);

  std::uint64_t ticks_if_traced() const { return lane_ != nullptr ? lane_->now() : 0; }
  std::uint32_t random();

  // Constant after construction.
  Scheduler& scheduler_;
  const std::uint32_t index_;

  // Owned by the worker's thread.
  instrument::Lane* lane_;  // null while not recorded
  Task* current_ = nullptr;
  Leaving leaving_;
  ExceptionState* exceptions_ = nullptr;  // the thread's own
  stack::Context loop_context_;
  std::uint32_t next_streak_ = 0;  // tasks in a row that came from the next-slot
  std::uint32_t random_state_;
  bool spinning_ = false;
  TaskId next_id_ = 0;  // ids [next_id_, end_id_) are this worker's to give
  TaskId end_id_ = 0;
  std::uint64_t spawned_ = 0;
  std::uint64_t ended_ = 0;
  TaskCache tasks_;
  stack::StackCache stacks_;

  // Atomic: counts the tasks entered here. Written by the owner, relaxed; thieves look whether it
  // moves.
  std::atomic<std::uint32_t> tick_{0};
  // Atomic: see RunQueue.
  RunQueue<Task> queue_;
  // Atomic: kUnparked when unpark() has been called. Release there pairs with the acquire in
  // wait_for_unpark(). kInPoll instead of kAsleep while it takes an interrupt to be heard.
  static constexpr std::uint32_t kAsleep = 0;
  static constexpr std::uint32_t kUnparked = 1;
  static constexpr std::uint32_t kInPoll = 2;
  alignas(64) std::atomic<std::uint32_t> unparked_{kAsleep};
};

// The worker whose thread this is, or null. Never inlined, so that no compiler keeps the answer
// over a switch to another thread. The one thread-local of the runtime.
Worker* current_worker();
void set_current_worker(Worker* worker);

}  // namespace taskscope::sched
