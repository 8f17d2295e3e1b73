#include "runtime/sched/worker.h"

#include <cxxabi.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/scheduler.h"

namespace taskscope::sched {
namespace {

// A task that is always made ready again by its partner would keep the next-slot, and the queue
// behind it waiting, for ever.
constexpr std::uint32_t kNextStreakMax = 256;
// Every so often the loop looks at the global queue first (a prime, as in Go, so that it does not
// beat with a program's own rhythm).
constexpr std::uint32_t kGlobalEvery = 61;

thread_local Worker* t_worker [[gnu::tls_model("initial-exec")]] = nullptr;

std::int64_t coarse_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

[[gnu::noinline]] Worker* current_worker() {
  Worker* worker = t_worker;
  asm volatile("" : "+r"(worker));  // the answer is opaque: no caller may reuse an older one
  return worker;
}

[[gnu::noinline]] void set_current_worker(Worker* worker) { t_worker = worker; }

Worker::Worker(Scheduler& scheduler, std::uint32_t index, instrument::Lane* lane)
    : scheduler_(scheduler),
      index_(index),
      lane_(lane),
      random_state_(index * 2'654'435'769u + 1),
      tasks_(scheduler.tasks()),
      stacks_(scheduler.stacks()) {}

// ---- Switching -------------------------------------------------------------------------------

void Worker::task_main(void* task) {
  stack::Context::entered();
  arrived();
  Task* const self = static_cast<Task*>(task);
  base::annotate_acquire(self);
  base::annotate_acquire(current_worker()->stack_of(self));
  self->body(self->closure);
  current_worker()->end();
}

void* Worker::stack_of(const Task* task) const {
  return scheduler_.stacks().extent(task->stack).low;
}

void Worker::arrived() { current_worker()->tidy_up(); }

void Worker::tidy_up() {
  const Leaving leaving = leaving_;
  leaving_ = {};
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
      queue_last(static_cast<Task*>(leaving.what));
      offer_queued();
      break;
    case Leaving::Kind::Free:
      free_task(static_cast<Task*>(leaving.what));
      break;
  }
}

void Worker::enter(Task* task, std::uint64_t ticks) {
  if (task->stack == stack::kNoStack) {
    task->stack = stacks_.take();
    if (task->stack == stack::kNoStack) {
      fatal("no stack left: more tasks wait than fit into the address space reserved for stacks");
    }
    task->context.prepare(scheduler_.stacks().extent(task->stack), task_main, task);
  }
  task->state.store(TaskState::Running, std::memory_order_relaxed);
  current_ = task;
  *exceptions_ = task->exceptions;
  // A relaxed load and store, not an add: only this thread writes it.
  tick_.store(tick_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  ++task->seq;
  if (lane_ != nullptr) lane_->run(ticks, task->id, task->seq);
}

void Worker::leave(Task* self, Leaving leaving, std::uint64_t ticks) {
  self->exceptions = *exceptions_;
  leaving_ = leaving;
  base::annotate_release(&scheduler_);  // pairs with the end of run()
  if (Task* next = pick_quick()) {
    enter(next, ticks);
    self->context.switch_to(next->context);
  } else {
    current_ = nullptr;
    self->context.switch_to(loop_context_);
  }
  arrived();
}

Task* Worker::pick_quick() {
  if (scheduler_.stopping()) return nullptr;
  if (tick_.load(std::memory_order_relaxed) % kGlobalEvery == 0) return nullptr;
  if (scheduler_.timers().any_due(index_)) return nullptr;
  return pick_local();
}

Task* Worker::pick_local() {
  if (Task* next = queue_.take_next()) {
    if (++next_streak_ < kNextStreakMax) return next;
    queue_last(next);
    offer_queued();
  }
  next_streak_ = 0;
  return queue_.pop();
}

// ---- What the running task may do --------------------------------------------------------------

void Worker::park(const WaitSpec& wait, base::Lock& held) {
  const std::uint64_t ticks = begin_wait(wait);
  held.release_here();
  Task* const self = current_;
  leave(self, {Leaving::Kind::OpenLock, &held}, ticks);
  base::annotate_acquire(self);
}

void Worker::park(const WaitSpec& wait, HeldLocks& held) {
  const std::uint64_t ticks = begin_wait(wait);
  for (std::size_t i = 0; i < held.count; ++i) held.first[i]->release_here();
  Task* const self = current_;
  leave(self, {Leaving::Kind::OpenLocks, &held}, ticks);
  base::annotate_acquire(self);
}

std::uint64_t Worker::begin_wait(const WaitSpec& wait) {
  Task* const self = current_;
  self->wait = wait;
  self->wait_since_ns = coarse_ns();
  self->state.store(TaskState::Blocked, std::memory_order_relaxed);
  std::uint64_t ticks = 0;
  if (lane_ != nullptr) {
    const auto object = wait.object == nullptr ? 0 : lane_->object(*wait.object);
    const auto site = lane_->site(wait.site);
    ticks = lane_->now();
    lane_->block(ticks, object, wait.reason, site);
  }
  return ticks;
}

void Worker::yield() {
  // Nobody to give way to: nothing happens, and the trace says nothing. With descriptors to poll it
  // counts as a turn, so that a loop of yields gets to look at them.
  if (!scheduler_.poller().active() && queue_.looks_empty() && scheduler_.global().size() == 0 &&
      !scheduler_.stopping() && !scheduler_.timers().any_due(index_)) {
    return;
  }
  Task* const self = current_;
  self->state.store(TaskState::Runnable, std::memory_order_relaxed);
  const std::uint64_t ticks = ticks_if_traced();
  if (lane_ != nullptr) lane_->yield(ticks);
  leave(self, {Leaving::Kind::Queue, self}, ticks);
}

void Worker::sleep_until(std::int64_t deadline_ns, const base::Site& site) {
  struct Sleeper : Timer {
    explicit Sleeper(Task* sleeper)
        : Timer([](Timer& timer) {
            current_worker()->make_ready_last(static_cast<Sleeper&>(timer).task);
          }),
          task(sleeper) {}
    Task* task;
  } sleeper(current_);
  // The task parks with the queue's lock held, so it cannot be woken too early.
  TimerQueue& timers = scheduler_.timers().queue(index_);
  const bool keeps_running = !queue_.looks_empty();
  timers.lock().lock();
  timers.add(sleeper, deadline_ns, 0);
  // If what runs here next takes long, an idle worker should watch the clock meanwhile.
  if (keeps_running && timers.earliest_ns() == deadline_ns) {
    scheduler_.watch_deadline(deadline_ns, lane_);
  }
  park({.reason = BlockReason::Sleep, .object = nullptr, .site = site}, timers.lock());
}

void Worker::end() {
  Task* const self = current_;
  std::uint64_t ticks = 0;
  if (lane_ != nullptr) {
    ticks = lane_->now();
    lane_->exit(ticks, self->id);
  }
  ++ended_;
  if (self->id == 1) scheduler_.stop();
  std::free(self->name);
  self->name = nullptr;
  leaving_ = {Leaving::Kind::Free, self};
  Task* const next = pick_quick();
  if (next != nullptr) {
    enter(next, ticks);
  } else {
    current_ = nullptr;
  }
  // The last things done on this stack.
  base::annotate_release(&scheduler_);     // pairs with the end of run()
  base::annotate_release(self);            // pairs with new_task() of its next user
  base::annotate_release(stack_of(self));  // pairs with task_main() of its next user
  self->context.finish_into(next != nullptr ? next->context : loop_context_);
}

void Worker::free_task(Task* task) {
  task->context.retire();
  stacks_.give_back(task->stack);
  task->stack = stack::kNoStack;
  task->exceptions = {};
  task->state.store(TaskState::Free, std::memory_order_relaxed);
  tasks_.give_back(task);
}

void Worker::make_ready(Task* task) {
  ++task->seq;
  if (lane_ != nullptr) lane_->ready(task->id, task->seq);
  task->state.store(TaskState::Runnable, std::memory_order_relaxed);
  base::annotate_release(task);
  if (Task* previous = queue_.exchange_next(task)) queue_last(previous);
  scheduler_.wake_one_if_useful(lane_);
}

void Worker::make_ready_last(Task* task) {
  ++task->seq;
  if (lane_ != nullptr) lane_->ready(task->id, task->seq);
  task->state.store(TaskState::Runnable, std::memory_order_relaxed);
  base::annotate_release(task);
  queue_last(task);
}

void Worker::submit(Task* task, std::string_view name) {
  if (next_id_ == end_id_) [[unlikely]] {
    next_id_ = scheduler_.take_id_block();
    end_id_ = next_id_ + Scheduler::kIdBlock;
  }
  task->id = next_id_++;
  task->parent = current_ == nullptr ? 0 : current_->id;  // 0: by a timer
  task->seq = 0;
  if (!name.empty()) task->name = strndup(name.data(), name.size());
  if (lane_ != nullptr) {
    lane_->spawn(task->id, lane_->site(task->spawn_site));
    if (!name.empty()) lane_->task_name(task->id, name);
  }
  ++spawned_;
  task->state.store(TaskState::Runnable, std::memory_order_relaxed);
  base::annotate_release(task);
  if (Task* previous = queue_.exchange_next(task)) queue_last(previous);
  scheduler_.wake_one_if_useful(lane_);
}

void Worker::queue_last(Task* task) {
  if (!queue_.push(task)) [[unlikely]]
    overflow(task);
}

void Worker::offer_queued() {
  // Nobody else to tell. This is what a yield costs most, so it is worth the branch.
  if (scheduler_.workers().size() == 1) return;
  // The submit step of the wake-up recipe (scheduler.h): the push before it comes before the look
  // at the idle list in the one order of all sequentially consistent steps.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  scheduler_.wake_one_if_useful(lane_);
}

void Worker::overflow(Task* task) {
  Task* batch[RunQueue<Task>::kCapacity / 2];
  const std::uint32_t count = queue_.move_half(batch);
  if (count == 0) {  // thieves were faster
    TASKSCOPE_CHECK(queue_.push(task));
    return;
  }
  for (std::uint32_t i = 1; i < count; ++i) batch[i - 1]->link = batch[i];
  batch[count - 1]->link = task;
  scheduler_.global().push(batch[0], task, count + 1);
}

// ---- The loop -----------------------------------------------------------------------------------

void Worker::loop() {
  set_current_worker(this);
  loop_context_.adopt_thread();
  exceptions_ = reinterpret_cast<ExceptionState*>(abi::__cxa_get_globals());
  if (lane_ != nullptr) lane_->worker_start(static_cast<std::uint64_t>(syscall(SYS_gettid)));
  while (Task* task = find_work()) {
    enter(task, ticks_if_traced());
    loop_context_.switch_to(task->context);
    arrived();
  }
  if (lane_ != nullptr) lane_->worker_stop();
  *exceptions_ = {};
  set_current_worker(nullptr);
}

Task* Worker::find_work() {
  for (;;) {
    if (scheduler_.stopping()) {
      stop_spinning();
      return nullptr;
    }
    // A worker that is always busy looks after the timers of idle and hogged ones now and then.
    const bool look_around = tick_.load(std::memory_order_relaxed) % kGlobalEvery == 0;
    fire_timers(look_around);
    Task* task = nullptr;
    if (look_around) {
      task = pick_global(1);
      // A queue that never empties must not keep the network waiting either.
      if (task == nullptr) task = pick_polled();
    }
    if (task == nullptr) task = pick_local();
    if (task == nullptr) task = pick_global(RunQueue<Task>::kCapacity / 2);
    if (task == nullptr) task = pick_polled();
    if (task == nullptr && fire_timers(true)) continue;
    if (task == nullptr && start_spinning()) task = search_others();
    if (task != nullptr) {
      stop_spinning();
      return task;
    }
    sleep();
  }
}

bool Worker::fire_timers(bool all) {
  Timers& timers = scheduler_.timers();
  const std::size_t fired =
      all ? timers.fire_due_anywhere(index_, lane_) : timers.fire_due(index_, lane_);
  if (fired != 0) offer_queued();
  return fired != 0;
}

void Worker::queue_woken(Task* first) {
  while (first != nullptr) {
    Task* const task = first;
    first = task->link;
    ++task->seq;
    if (lane_ != nullptr) lane_->ready(task->id, task->seq);
    task->state.store(TaskState::Runnable, std::memory_order_relaxed);
    base::annotate_release(task);
    queue_last(task);
  }
}

Task* Worker::pick_polled() {
  if (!scheduler_.poller().active()) return nullptr;
  const PolledTasks tasks = scheduler_.poller().poll(0);
  if (tasks.first == nullptr) return nullptr;
  if (lane_ != nullptr) lane_->poll_wake(tasks.count);
  queue_woken(tasks.first);
  if (tasks.count > 1) offer_queued();
  return pick_local();
}

Task* Worker::pick_global(std::size_t count) {
  GlobalQueue& global = scheduler_.global();
  // A fair share, so that one worker does not take what all could do.
  const std::size_t share = global.size() / scheduler_.workers().size() + 1;
  Task* const first = global.pop(count < share ? count : share);
  if (first == nullptr) return nullptr;
  Task* task = first->link;
  if (task == nullptr) return first;
  while (task != nullptr) {
    Task* const next = task->link;
    queue_last(task);
    task = next;
  }
  offer_queued();
  return first;
}

std::uint32_t Worker::random() {
  // xorshift32 (Marsaglia): only spreads thieves over victims.
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 17;
  random_state_ ^= random_state_ << 5;
  return random_state_;
}

}  // namespace taskscope::sched
