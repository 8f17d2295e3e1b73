#include "runtime/sched/thread.h"

#include <cxxabi.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <string>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/sched/call_stack.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_texts.h"
#include "runtime/sched/unwinding.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {

__thread Thread* t_thread = nullptr;

namespace {

// Atomic: written while all threads are held.
constinit std::atomic<StartHook> g_start_hook{nullptr};

[[gnu::noinline]] void set_current_thread(Thread* thread) { t_thread = thread; }

std::int64_t coarse_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::uint64_t ticks_if_traced(const Worker& worker) {
  return worker.lane() != nullptr ? worker.lane()->now() : 0;
}

}  // namespace

[[gnu::noinline]] Thread* current_thread() {
  Thread* thread = t_thread;
  asm volatile("" : "+r"(thread));  // the answer is opaque: no caller may reuse an older one
  base::annotate_acquire(thread);   // pairs with start_thread()
  return thread;
}

#if !defined(__x86_64__)
Thread* quick_current_thread() { return current_thread(); }
#endif

Worker* current_worker() {
  const Thread* thread = current_thread();
  return thread == nullptr ? nullptr : thread->worker();
}

void set_start_hook(StartHook hook) { g_start_hook.store(hook, std::memory_order_relaxed); }

// ---- The loop -----------------------------------------------------------------------------------

void Thread::loop(Worker& first) {
  begin_thread();
  take_up(first);
  for (;;) {
    if (worker() == nullptr) {
      resting_.store(true, std::memory_order_release);
      const bool goes_on = wait_for_worker();
      resting_.store(false, std::memory_order_relaxed);
      if (!goes_on) break;
    }
    if (Task* task = worker()->find_work()) {
      enter(task, ticks_if_traced(*worker()));
      loop_context_.switch_to(task->context);
      tidy_up();
      if (worker() == nullptr) scheduler_.add_idle_thread(*this);
    } else if (scheduler_.stopping()) {
      break;
    } else if ((worker()->attention() & Worker::kRetire) != 0) {
      retire_worker();
    } else {
      go_idle();
    }
  }
  if (Worker* left = worker()) {
    set_worker(nullptr);
    left->set_status(WorkerStatus::Idle);
  }
  *exceptions_ = {};
  scheduler_.tracing().sampler().leave(*this);
  // What tasks left in this thread's own variables is destroyed when it ends.
  base::annotate_acquire(&scheduler_);
  set_current_thread(nullptr);
}

void Thread::begin_thread() {
  os_id_.store(static_cast<int>(syscall(SYS_gettid)), std::memory_order_relaxed);
  // Timers fire some 50 µs earlier than with the kernel's default.
  prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0);
  loop_context_.adopt_thread();
  exceptions_ = reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
  set_current_thread(this);
  scheduler_.tracing().sampler().join(*this);
  base::annotate_release(this);  // what was set up here, for the tasks that ask current_thread()
}

void Thread::take_up(Worker& worker) {
  const bool was_idle = worker.status() == WorkerStatus::Idle;
  const bool is_new = worker.thread() == nullptr;
  worker.set_status(WorkerStatus::Running);
  if (worker.thread() != this) {
    worker.set_thread(this);
    if (auto* lane = worker.lane()) lane->worker_start(static_cast<std::uint64_t>(os_id()));
  }
  if (was_idle && !is_new && worker.lane() != nullptr) worker.lane()->worker_unpark();
  set_worker(&worker);
  if (std::exchange(park_noted_, false)) {
    scheduler_.tracing().outside(
        [&](instrument::Lane& lane) { lane.thread_wake(static_cast<std::uint64_t>(os_id())); });
  }
}

void Thread::after_fork() const {
  if (Worker* mine = worker()) mine->stop_tracing();
  if (call_worker_ != nullptr) call_worker_->stop_tracing();
}

// ---- Switching ----------------------------------------------------------------------------------

namespace {

// No handler but for ts::Unwinding: another exception must find the end of the stack, so that
// std::terminate sees the stack of the throw. What ended another task is an error here.
void run_body(Task& self) {
  try {
    self.body(self.closure_memory);
  } catch (const Unwinding& unwinding) {
    if (unwinding.task() != self.id) std::terminate();
  }
}

}  // namespace

void Thread::task_main(void* first) {
  stack::Context::entered();
  Thread* thread = &arrived();
  base::annotate_acquire(thread->stack_of(static_cast<Task*>(first)));
  for (Task* self = static_cast<Task*>(first);; self = thread->end(self)) {
    base::annotate_acquire(self);
    thread->leave_runtime();
    run_body(*self);
    thread = current_thread();
    thread->enter_runtime();
  }
}

void* Thread::stack_of(const Task* task) const {
  return scheduler_.stacks().extent(task->stack.id()).low;
}

Thread& Thread::arrived() {
  Thread& thread = *current_thread();
  thread.tidy_up();
  return thread;
}

void Thread::tidy_up() {
  const Leaving leaving = std::exchange(leaving_, {});
  switch (leaving.kind) {
    case Leaving::Kind::Nothing:
      break;
    case Leaving::Kind::OpenLock:
      static_cast<base::Lock*>(leaving.what)->unlock_unannotated();
      break;
    case Leaving::Kind::OpenLocks: {
      // The array is on the stack of the task, which may run as soon as the last lock is open.
      const HeldLocks locks = *static_cast<const HeldLocks*>(leaving.what);
      for (std::size_t i = 0; i < locks.count; ++i) locks.first[i]->unlock_unannotated();
      break;
    }
    case Leaving::Kind::Queue:
      if (Worker* mine = worker()) {
        mine->queue_again(static_cast<Task*>(leaving.what));
      } else {
        scheduler_.queue_global(static_cast<Task*>(leaving.what), nullptr);
        count_found();
      }
      break;
    case Leaving::Kind::Free:
      free_task(static_cast<Task*>(leaving.what));
      break;
  }
}

void Thread::give_stack(Task* task) {
  const stack::StackId stack = worker()->stacks().take();
  if (stack == stack::kNoStack) {
    fatal("no stack left: more tasks wait than fit into the address space reserved for stacks (" +
          std::to_string(scheduler_.stacks().slots()) + " of " +
          std::to_string(scheduler_.stacks().stack_bytes() >> 10) + " KiB; " +
          scheduler_.stack_setting() + ')');
  }
  task->stack.set(stack);
  task->context.prepare(scheduler_.stacks().extent(stack), task_main, task, loop_context_);
}

namespace {

// Apart, so that what an unrecorded run does stays small enough to be inlined.
[[gnu::noinline]] void trace_run(instrument::Lane& lane, Task* task, std::uint64_t ticks) {
  // What was written meanwhile is not to be later than this.
  if (Tracing::introduce(lane, *task)) ticks = lane.now();
  lane.run(ticks, task->id, task->seq + 1);
}

}  // namespace

void Thread::start(Task* task, std::uint64_t ticks) {
  task_ = task;
  // In this order: who holds this thread knows the task, or it is looked at here.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if (const StartHook hook = g_start_hook.load(std::memory_order_relaxed)) [[unlikely]]
    hook(*task);
  worker()->count_entry();
  if (auto* lane = worker()->lane()) [[unlikely]]
    trace_run(*lane, task, ticks);
  task->state.store(TaskState::Running, std::memory_order_relaxed);
  ++task->seq;
}

void Thread::enter(Task* task, std::uint64_t ticks) {
  if (task->stack.ready() || task->stack.take_back()) {
    *exceptions_ = task->exceptions;
  } else {
    give_stack(task);
    *exceptions_ = {};
  }
  start(task, ticks);
}

void Thread::follow_with_loop() {
  if (in_forked_child()) [[unlikely]] {
    fatal(
        "a task waits, or ends, in the child of a fork, where nobody runs tasks: the child may "
        "only exec or _exit (ts::os::Process starts programs)");
  }
  task_ = nullptr;
}

Thread& Thread::leave(Thread& thread, Task* self, Leaving leaving, std::uint64_t ticks) {
  self->exceptions = *thread.exceptions_;
  thread.leaving_ = leaving;
  base::annotate_release(&thread.scheduler_);  // pairs with the end of run()
  Worker* const worker = thread.worker();
  Task* const next = worker == nullptr ? nullptr : worker->pick_quick();
  if (next != nullptr) {
    thread.enter(next, ticks);
  } else {
    thread.follow_with_loop();
  }
  // One place to switch at, for the return-address predictor's sake (switch_x86_64.S).
  self->context.switch_to(next != nullptr ? next->context : thread.loop_context_);
  return arrived();
}

Task* Thread::end(Task* self) {
  Worker* const mine = worker();
  std::uint64_t ticks = 0;
  if (mine == nullptr) {
    trace_exit_workerless(self);
  } else {
    mine->count_end();
    if (auto* lane = mine->lane()) {
      Tracing::introduce(*lane, *self);
      ticks = lane->now();
      lane->exit(ticks, self->id);
    }
    TaskTexts::clear(*self);
  }
  if (self->id == 1) scheduler_.stop();
  if (mine == nullptr) count_found();
  base::annotate_release(&scheduler_);  // pairs with the end of run()
  base::annotate_release(self);         // pairs with new_task() of its next user
  Task* const next = mine == nullptr ? nullptr : mine->pick_quick();
  // For ThreadSanitizer the two would be one fiber, in which there are no races.
  if (TASKSCOPE_TSAN || next == nullptr || !next->stack.none()) end_for_good(self, next, ticks);
  // A task without a stack goes on in this very frame: no stack, no switch.
  next->stack.set(self->stack.take());
  next->context = self->context;
  self->state.store(TaskState::Free, std::memory_order_relaxed);
  mine->return_task(self);
  start(next, ticks);
  return next;
}

void Thread::end_for_good(Task* self, Task* next, std::uint64_t ticks) {
  leaving_ = {Leaving::Kind::Free, self};
  if (next != nullptr) {
    enter(next, ticks);
  } else {
    follow_with_loop();
  }
  // The last thing done on this stack; pairs with task_main() of its next user.
  base::annotate_release(stack_of(self));
  self->context.finish_into(next != nullptr ? next->context : loop_context_);
}

void Thread::free_task(Task* task) {
  task->context.retire();
  const stack::StackId stack = task->stack.take();
  task->state.store(TaskState::Free, std::memory_order_relaxed);
  if (Worker* mine = worker()) {
    mine->stacks().give_back(stack);
    mine->return_task(task);
  } else {
    scheduler_.stacks().give_back(&stack, 1);
    scheduler_.tasks().give_back(task);
  }
}

// ---- What the running task may do ---------------------------------------------------------------

void Thread::park(const WaitSpec& wait, base::Lock& held) {
  enter_runtime();
  const std::uint64_t ticks = begin_wait(wait, nullptr);
  held.release_here();
  Task* const self = task_;
  Thread& thread = leave(*this, self, {Leaving::Kind::OpenLock, &held}, ticks);
  base::annotate_acquire(self);
  thread.leave_runtime();
}

void Thread::park(const WaitSpec& wait, HeldLocks& held, const WaitArms* arms) {
  enter_runtime();
  const std::uint64_t ticks = begin_wait(wait, arms);
  for (std::size_t i = 0; i < held.count; ++i) held.first[i]->release_here();
  Task* const self = task_;
  Thread& thread = leave(*this, self, {Leaving::Kind::OpenLocks, &held}, ticks);
  base::annotate_acquire(self);
  thread.leave_runtime();
}

namespace {

[[gnu::noinline]] std::uint64_t trace_block(instrument::Lane& lane, const Scheduler& scheduler,
                                            Task* self, const ParkedWait& wait) {
  Tracing::introduce(lane, *self);
  const auto object = wait.object == nullptr ? 0 : lane.object(*wait.object);
  const auto site = lane.site(wait.site());
  each_arm(wait, [&](const WaitArm& arm) { arm.announce(lane); });
  const auto stack = calls_here(lane, scheduler.stacks());
  const std::uint64_t ticks = lane.now();
  lane.at_stack(ticks, stack);
  each_arm(wait, [&](const WaitArm& arm) { lane.arm(ticks, arm.id_in(lane), arm.operation); });
  lane.block(ticks, object, wait.reason, site);
  return ticks;
}

}  // namespace

std::uint64_t Thread::begin_wait(const WaitSpec& wait, const WaitArms* arms) {
  Task* const self = task_;
  std::uint64_t ticks = 0;
  Worker* const mine = worker();
  if (mine == nullptr) {
    block_workerless(self, {wait, arms}, coarse_ns());
    return ticks;
  }
  self->wait = {wait, arms};
  if (auto* lane = mine->lane()) [[unlikely]]
    ticks = trace_block(*lane, scheduler_, self, self->wait);
  mine->note_wait(wait.reason);
  self->wait_since_ns.store(coarse_ns(), std::memory_order_relaxed);
  self->state.store(TaskState::Blocked, std::memory_order_release);
  return ticks;
}

void Thread::yield() {
  enter_runtime();
  Worker* const mine = worker();
  if (mine == nullptr) {
    // Inside a call the task waits for nobody.
    if (task_->state.load(std::memory_order_relaxed) == TaskState::InCall) return leave_runtime();
    return rejoin(*this).leave_runtime();
  }
  // Nobody to give way to: nothing happens, and the trace says nothing. With descriptors to poll it
  // counts as a turn, so that a loop of yields gets to look at them.
  const std::uint32_t asked = mine->attention();
  if (asked == 0 ? !mine->others_wait() : (asked & Worker::kForked) != 0) return leave_runtime();
  Task* const self = task_;
  std::uint64_t ticks = 0;
  if (auto* lane = mine->lane()) {
    Tracing::introduce(*lane, *self);
    ticks = lane->now();
    lane->yield(ticks);
  }
  self->state.store(TaskState::Runnable, std::memory_order_relaxed);
  leave(*this, self, {Leaving::Kind::Queue, self}, ticks).leave_runtime();
}

void Thread::watch_descriptors() {
  const RuntimeSection section(*this);
  if (scheduler_.poller().someone_sleeps()) return;
  Worker* const mine = worker();
  if (mine == nullptr || !mine->queue().looks_empty()) {
    scheduler_.wake_one_if_useful(mine == nullptr ? nullptr : mine->lane());
  }
}

void Thread::checkpoint() {
  const Worker* const mine = worker();
  if (mine == nullptr || mine->attention() != 0) [[unlikely]]
    yield();
}

namespace {

struct Sleeper : Timer {
  explicit Sleeper(Task* sleeper) : Timer(kType), task(sleeper) {}
  static void wake(Timer& timer) {
    current_worker()->make_ready_last(static_cast<Sleeper&>(timer).task);
  }
  static TimerOrigin origin(Timer& timer) {
    return {.task = static_cast<Sleeper&>(timer).task->id};
  }
  static constexpr TimerType kType{
      .fire = wake, .kind = trace_format::TimerKind::Sleep, .origin = origin};
  Task* task;
};

}  // namespace

void Thread::sleep_until(std::int64_t deadline_ns, const base::Site& site) {
  Sleeper sleeper(task_);
  enter_runtime();
  Worker* const mine = worker();
  // The task parks with the queue's lock held, so it cannot be woken too early.
  TimerQueue& timers = scheduler_.timers().queue(mine == nullptr ? 0 : mine->index());
  const bool keeps_running = mine == nullptr || !mine->queue().looks_empty();
  timers.lock().lock();
  timers.add(sleeper, deadline_ns, 0);
  // If what runs here next takes long, an idle worker should watch the clock meanwhile.
  if (keeps_running && timers.earliest_ns() == deadline_ns) {
    scheduler_.watch_deadline(deadline_ns, mine == nullptr ? nullptr : mine->lane());
  }
  park({.reason = BlockReason::Sleep, .object = nullptr, .site = site}, timers.lock());
}

void Thread::ready(Task* task) {
  const RuntimeSection section(*this);
  if (Worker* mine = worker()) return mine->make_ready(task);
  ready_workerless(task);
}

Task* Thread::new_task() {
  const RuntimeSection section(*this);
  Task* const task = worker() != nullptr ? worker()->new_task() : scheduler_.tasks().take();
  base::annotate_acquire(task);
  task->set_spawned_by(task_, scheduler_.spawn_paths());
  return task;
}

void Thread::return_task(Task* task) {
  const RuntimeSection section(*this);
  if (Worker* mine = worker()) return mine->return_task(task);
  scheduler_.tasks().give_back(task);
}

void Thread::submit(Task* task, std::string_view name) {
  {
    const RuntimeSection section(*this);
    if (Worker* mine = worker()) {
      mine->submit(task, name, task_);
    } else {
      submit_workerless(task, name);
    }
  }
  if (!in_runtime()) checkpoint();
}

}  // namespace taskscope::sched
