// Thread: an OS thread that drives workers (Go's M).
//
// It has at most one worker at a time and runs that worker's tasks. A task that stops running picks
// its successor itself and switches straight to it; only when there is nothing quick to pick does
// the thread's own loop look further, and sleep. What must happen after a task has left its stack
// (opening the lock it parked with, queueing it again, freeing it) is left as a note in `leaving_`
// and done by whoever runs next on this thread.
//
// A task can lose its worker while it runs: to a signal, when it ran too long, or in a call that
// may take long (blocking.h). It goes on without one, on its own thread, and what it does then goes
// the way of threads that are no worker's (thread_workerless.cpp).
//
// `in_runtime_` is what makes the signal harmless: it is set while the runtime's code touches the
// worker, and the handler takes the worker only when it finds it clear. No stack is switched in the
// handler, so a task is never moved while it holds a lock of libc. The flag belongs to the thread,
// not the task: whoever arrives on a thread in a task's code clears it there.
//
// Owned by the Scheduler; reused for the run's whole length. Members are called by the thread
// itself, on its own stack or on that of the task that runs there, except where it says "any
// thread".
//
// Invariants:
//   1. Only the thread itself and its signal handler write worker_.
//   2. A thread in the pool of idle threads has no worker and no task.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "runtime/sched/halt.h"
#include "runtime/sched/park.h"
#include "runtime/sched/poller.h"
#include "runtime/sched/sampler.h"
#include "runtime/sched/task.h"
#include "runtime/stack/context.h"

namespace taskscope::sched {

class Scheduler;
class Worker;

// How long the caller of a blocking call expects it to take.
enum class CallLength : std::uint8_t { Unknown, Long };

class alignas(64) Thread {
 public:
  explicit Thread(Scheduler& scheduler) : scheduler_(scheduler) {}
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // The life of the OS thread: drives `first`, then what it is given, until the run is over.
  void loop(Worker& first);

  // What the running task may do. All return when it runs again, perhaps on another thread.
  void park(const WaitSpec& wait, base::Lock& held);
  void park(const WaitSpec& wait, HeldLocks& held, const WaitArms* arms);
  void trace_chosen(const WaitArm& arm);
  void yield();
  void sleep_until(std::int64_t deadline_ns, const base::Site& site);
  // The task is about to wait for a descriptor: if what runs here next takes long, an idle worker
  // should watch the descriptors meanwhile.
  void watch_descriptors();
  // Yields if this is asked of the task, and finds a worker for it if it has none.
  void checkpoint();
  // False if it is inside a call already; then there is nothing to end.
  bool begin_call(const base::Site& site, CallLength length);
  void end_call();

  // Makes a task runnable. Does not wait: the caller may hold a lock.
  void ready(Task* task);
  // A free task, to be filled and submitted or returned; it has its parent's path.
  Task* new_task();
  void return_task(Task* task);
  // Starts it: `task` has its body, closure and site; the rest is set here.
  void submit(Task* task, std::string_view name);

  // The task is about to act in a call: lets go of the worker that waits for the call's end.
  void leave_call_worker();

  // Where the runtime's code begins and ends. Inside, worker() does not change under the caller.
  void enter_runtime() {
    in_runtime_.store(true, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  void leave_runtime() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    in_runtime_.store(false, std::memory_order_relaxed);
  }
  bool in_runtime() const { return in_runtime_.load(std::memory_order_relaxed); }

  // In a signal handler on this thread: gives the worker away if the monitor wants it.
  void lose_worker_if_asked();

  // Any thread that has taken this one out of the pool: ends its sleep, to drive `worker`, or to
  // end if that is null.
  void wake(Worker* worker);

  // Null while the thread has none.
  Worker* worker() const { return worker_.load(std::memory_order_relaxed); }
  // The task that runs here; it may be without a worker.
  Task* task() const { return task_; }
  Scheduler& scheduler() const { return scheduler_; }

  // It goes into the pool without a worker, and the trace says so: so it will when it wakes.
  void note_park() { park_noted_ = true; }

  // In the child of a fork: the rings are the parent's.
  void after_fork() const;

  // Any thread.
  int os_id() const { return os_id_.load(std::memory_order_relaxed); }
  // While it runs a task: where its own stack was left.
  const void* loop_left_at() const { return loop_context_.left_at(); }
  // What it notes while all are held (halt.h).
  HaltNote& halt_note() { return halt_note_; }
  // What the sampler keeps of it.
  SampledThread& sampled() { return sampled_; }
  bool in_call() const { return in_call_.load(std::memory_order_relaxed); }
  // True if no task is just about to leave its stack here. Whoever saw a task Blocked before, and
  // put a barrier in between, knows that this thread is not on its stack any more.
  bool is_settled() const { return !in_runtime() || resting_.load(std::memory_order_acquire); }

 private:
  friend class IdlePool;  // keeps `pooled_`

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
  // First thing after every switch to a task; reads the current thread anew.
  static Thread& arrived();

  // Marks the current task as waiting, in the trace too; returns the ticks of that.
  std::uint64_t begin_wait(const WaitSpec& wait, const WaitArms* arms);
  void begin_thread();
  void take_up(Worker& worker);
  // Takes up `task` as the current one; a switch to its context follows.
  void enter(Task* task, std::uint64_t ticks);
  void start(Task* task, std::uint64_t ticks);
  void give_stack(Task* task);
  // Leaves `self` for the next task, or for the loop. Returns the thread that it runs on again.
  static Thread& leave(Thread& thread, Task* self, Leaving leaving, std::uint64_t ticks);
  // No task follows the one that leaves.
  void follow_with_loop();
  // `self` has ended. Returns a fresh task to run in the same frame, or switches and does not
  // return.
  Task* end(Task* self);
  [[noreturn]] void end_for_good(Task* self, Task* next, std::uint64_t ticks);
  void tidy_up();
  void free_task(Task* task);
  void* stack_of(const Task* task) const;  // its lowest usable byte
  void set_worker(Worker* worker) { worker_.store(worker, std::memory_order_relaxed); }

  // A task without a worker (thread_workerless.cpp).
  void block_workerless(Task* self, const ParkedWait& wait, std::int64_t now_ns);
  void ready_workerless(Task* task);
  void submit_workerless(Task* task, std::string_view name);
  void trace_exit_workerless(Task* self);
  // Gives the task a worker: an idle one at once, or its turn in the global queue.
  static Thread& rejoin(Thread& thread);
  bool rejoin_at_once();
  void resume_on(Worker& worker, Task* self);
  // The task has a worker again, waits, or has ended.
  void count_found();

  // The thread without work (thread_idle.cpp).
  void go_idle();
  void retire_worker();
  bool wait_for_worker();
  PolledTasks sleep_until_woken();
  // The sleep of the one idle thread that waits for descriptors, to `deadline_ns` at the latest.
  PolledTasks sleep_in_poll(std::int64_t deadline_ns);

  // Constant after construction.
  Scheduler& scheduler_;

  // Owned by the thread; the handler of its own signal writes the first two.
  std::atomic<Worker*> worker_{nullptr};
  bool preempted_ = false;  // its task has lost the worker to the signal
  std::atomic<bool> in_runtime_{true};
  Task* task_ = nullptr;
  ExceptionState* exceptions_ = nullptr;  // the thread's own
  Leaving leaving_;
  Worker* call_worker_ = nullptr;  // left behind by the call that the task is in
  std::uint64_t call_ = 0;         // that call's number there
  stack::Context loop_context_;
  bool park_noted_ = false;

  // Guarded by the pool's lock.
  bool pooled_ = false;

  // Atomic: kWoken when wake() has been called, which wrote assigned_ before (release, pairs with
  // the acquire in sleep_until_woken()). kInPoll instead of kAsleep while it takes an interrupt of
  // the poller to be heard.
  static constexpr std::uint32_t kAsleep = 0;
  static constexpr std::uint32_t kWoken = 1;
  static constexpr std::uint32_t kInPoll = 2;
  alignas(64) std::atomic<std::uint32_t> woken_{kAsleep};
  Worker* assigned_ = nullptr;
  // Atomic: for other threads' eyes; relaxed.
  std::atomic<int> os_id_{0};
  std::atomic<bool> in_call_{false};
  // Atomic: it waits for a worker, on its own stack; the monitor looks.
  std::atomic<bool> resting_{false};
  HaltNote halt_note_;     // has a protocol of its own
  SampledThread sampled_;  // see there
};

// The calling thread if it drives workers, or null. Never inlined, so that no compiler keeps the
// answer over a switch to another thread. The one thread-local of the runtime.
Thread* current_thread();
extern __thread Thread* t_thread asm("taskscope_current_thread")
    __attribute__((tls_model("initial-exec"), visibility("hidden")));

// The same in line, for what takes a few nanoseconds in all. The compiler does not know that it is
// a thread-local variable which is read, so it keeps nothing of it.
#if defined(__x86_64__)
inline Thread* quick_current_thread() {
  Thread* thread;
  asm volatile(
      "movq taskscope_current_thread@gottpoff(%%rip), %0\n\t"
      "movq %%fs:(%0), %0"
      : "=r"(thread)
      :
      : "memory");
  return thread;
}
#else
Thread* quick_current_thread();
#endif

// The id of the task that calls, or 0 on a thread that is no worker.
inline TaskId current_task_id() {
  const Thread* const thread = quick_current_thread();
  const Task* const task = thread == nullptr ? nullptr : thread->task();
  return task == nullptr ? 0 : task->id;
}

// The same, but first a task that has lost its worker waits for one.
inline TaskId checkpoint_id() {
  Thread* const thread = quick_current_thread();
  const Task* const task = thread == nullptr ? nullptr : thread->task();
  if (task == nullptr) return 0;
  if (thread->worker() == nullptr) [[unlikely]]
    thread->checkpoint();
  return task->id;
}

// Whether a task calls that has lost its worker: checkpoint_id() would wait for one.
inline bool lost_worker() {
  const Thread* const thread = quick_current_thread();
  return thread != nullptr && thread->task() != nullptr && thread->worker() == nullptr;
}

// The worker of the calling thread, or null. Outside of the runtime's code the answer may be out of
// date at once.
Worker* current_worker();

// Is called with each task that is about to run, by the thread that will run it and on another's
// stack (memory/snapshot.h); null: no more. REQUIRES: all threads are held.
using StartHook = void (*)(const Task& task);
void set_start_hook(StartHook hook);

// Marks a stretch of the runtime's code that does not switch. May be nested.
class RuntimeSection {
 public:
  explicit RuntimeSection(Thread& thread) : thread_(thread), nested_(thread.in_runtime()) {
    thread.enter_runtime();
  }
  ~RuntimeSection() {
    if (!nested_) thread_.leave_runtime();
  }
  RuntimeSection(const RuntimeSection&) = delete;
  RuntimeSection& operator=(const RuntimeSection&) = delete;

 private:
  Thread& thread_;
  const bool nested_;
};

}  // namespace taskscope::sched
