// What a task does that has lost its worker: to a signal because it ran too long, or in a call.
//
// It goes on on its own thread. It may do what threads do that are no worker's: make others
// runnable through the global queue, its events in the ring `ext`, each after a `by` that names it
// (FORMAT.md). It may wait, because that needs no worker, only the thread's own loop to switch to.
// It finds a worker again in rejoin(), which may wait for its turn; so no function here does that
// which may be called under a base::Lock: the one worker that is free could be waiting for it.
#include <utility>

#include "runtime/base/check.h"
#include "runtime/sched/call_stack.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_texts.h"
#include "runtime/sched/thread.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {

// ---- Losing the worker --------------------------------------------------------------------------

void Thread::lose_worker_if_asked() {
  if (in_runtime()) return;
  Worker* const mine = worker();
  if (mine == nullptr || (mine->attention() & Worker::kPreempt) == 0) return;
  if (auto* lane = mine->lane()) {
    // A task that the recording has not heard of would have to be told of first, which a signal
    // handler must not. It is told of as one without a worker.
    Tracing::knows(*lane, *task_) ? lane->preempt(task_->id) : lane->forget_current();
  }
  set_worker(nullptr);
  preempted_ = true;
  scheduler_.count_preempted(+1);
  scheduler_.count_workerless(+1);
  mine->set_status(WorkerStatus::Preempted);
  scheduler_.monitor().wake();
}

bool Thread::begin_call(const base::Site& site, CallLength length) {
  enter_runtime();
  Task* const self = task_;
  if (self->state.load(std::memory_order_relaxed) == TaskState::InCall) {
    leave_runtime();
    return false;
  }
  Thread& thread = worker() == nullptr ? rejoin(*this) : *this;
  if (thread.worker() == nullptr) [[unlikely]] {  // in the child of a fork
    thread.leave_runtime();
    return false;
  }
  Worker& mine = *thread.worker();
  if (auto* lane = mine.lane()) {
    Tracing::introduce(*lane, *self);
    const auto where = lane->site(site);
    lane->syscall(lane->now(), where);
  }
  self->state.store(TaskState::InCall, std::memory_order_relaxed);
  const bool others_wait =
      mine.others_wait() || scheduler_.timers().queue(mine.index()).earliest_ns() != Timers::kNever;
  thread.call_worker_ = &mine;
  thread.set_worker(nullptr);
  thread.in_call_.store(true, std::memory_order_relaxed);
  thread.call_ = mine.begin_call(*self);
  if (length == CallLength::Long) {
    thread.leave_call_worker();
  } else if (others_wait) {
    scheduler_.monitor().wake_if_dozing();
  }
  thread.leave_runtime();
  return true;
}

void Thread::end_call() {
  enter_runtime();
  in_call_.store(false, std::memory_order_relaxed);
  Task* const self = task_;
  // It has waited for something inside the call, and is an ordinary task again.
  if (self->state.load(std::memory_order_relaxed) != TaskState::InCall) return leave_runtime();
  Worker* const left = std::exchange(call_worker_, nullptr);
  if (left == nullptr || !left->take_from_call(call_)) return rejoin(*this).leave_runtime();
  set_worker(left);
  if (auto* lane = left->lane()) {
    Tracing::introduce(*lane, *self);
    lane->syscall_end();
  }
  self->state.store(TaskState::Running, std::memory_order_relaxed);
  leave_runtime();
  checkpoint();
}

void Thread::leave_call_worker() {
  if (call_worker_ == nullptr || in_forked_child()) return;  // nobody is there to hand it on to
  Worker* const left = std::exchange(call_worker_, nullptr);
  if (left->take_from_call(call_)) scheduler_.hand_on_from_call(*left);
}

// ---- Going on without one -----------------------------------------------------------------------

void Thread::count_found() {
  if (std::exchange(preempted_, false)) scheduler_.count_preempted(-1);
  scheduler_.count_workerless(-1);
}

void Thread::block_workerless(Task* self, const ParkedWait& wait, std::int64_t now_ns) {
  leave_call_worker();
  in_call_.store(false, std::memory_order_relaxed);
  scheduler_.tracing().change_outside([&](instrument::Lane* lane) {
    if (lane != nullptr) Tracing::introduce_outside(*lane, *self);
    self->wait = wait;
    self->wait_since_ns.store(now_ns, std::memory_order_relaxed);
    self->state.store(TaskState::Blocked, std::memory_order_release);
    if (lane == nullptr) return;
    const auto object = wait.object == nullptr ? 0 : lane->object(*wait.object);
    const auto site = lane->site(wait.site());
    each_arm(wait, [&](const WaitArm& arm) { arm.announce(*lane); });
    const auto stack = calls_here(*lane, scheduler_.stacks());
    const std::uint64_t ticks = lane->now();
    // A `by` holds for one event.
    if (stack != 0) {
      lane->by(ticks, self->id, self->seq);
      lane->at_stack(ticks, stack);
    }
    each_arm(wait, [&](const WaitArm& arm) {
      lane->by(ticks, self->id, self->seq);
      lane->arm(ticks, arm.id_in(*lane), arm.operation);
    });
    lane->by(ticks, self->id, self->seq);
    lane->block(ticks, object, wait.reason, site);
  });
  count_found();
}

void Thread::trace_chosen(const WaitArm& arm) {
  const RuntimeSection section(*this);
  Task& self = *task_;
  if (const Worker* const mine = worker()) {
    instrument::Lane* const lane = mine->lane();
    if (lane == nullptr) return;
    Tracing::introduce(*lane, self);
    arm.announce(*lane);
    return lane->chosen(arm.id_in(*lane), arm.operation);
  }
  scheduler_.tracing().outside([&](instrument::Lane& lane) {
    Tracing::introduce_outside(lane, self);
    arm.announce(lane);
    lane.by(self.id, self.seq);
    lane.chosen(arm.id_in(lane), arm.operation);
  });
}

void Thread::trace_exit_workerless(Task* self) {
  leave_call_worker();
  scheduler_.count_foreign_end();
  scheduler_.tracing().change_outside([&](instrument::Lane* lane) {
    if (lane != nullptr) {
      Tracing::introduce_outside(*lane, *self);
      lane->by(self->id, self->seq);
      lane->exit(lane->now(), self->id);
    }
    TaskTexts::clear(*self);  // here: a recorder that attaches now tells of all tasks
  });
}

void Thread::ready_workerless(Task* task) {
  leave_call_worker();
  scheduler_.ready_foreign(task, task_);
  if (task_->state.load(std::memory_order_relaxed) != TaskState::InCall) rejoin_at_once();
}

void Thread::submit_workerless(Task* task, std::string_view name) {
  leave_call_worker();
  scheduler_.submit_foreign(task, name, task_);
}

// ---- Finding one again --------------------------------------------------------------------------

void Thread::resume_on(Worker& worker, Task* self) {
  count_found();
  scheduler_.queue_workerless(self);
  take_up(worker);
  worker.begin_slice();
  start(self, worker.lane() == nullptr ? 0 : worker.lane()->now());
}

bool Thread::rejoin_at_once() {
  if (scheduler_.stopping()) return false;
  Worker* const found = scheduler_.take_idle_worker();
  if (found == nullptr) return false;
  resume_on(*found, task_);
  return true;
}

Thread& Thread::rejoin(Thread& thread) {
  Task* const self = thread.task_;
  if (thread.rejoin_at_once()) return thread;
  // Nobody gives it a turn, and nobody needs one: it goes on as it is.
  if (in_forked_child()) [[unlikely]]
    return thread;
  thread.scheduler_.queue_workerless(self);
  Thread& next = leave(thread, self, {Leaving::Kind::Queue, self}, 0);
  base::annotate_acquire(self);
  return next;
}

}  // namespace taskscope::sched
