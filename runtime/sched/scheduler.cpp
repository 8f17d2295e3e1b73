#include "runtime/sched/scheduler.h"

#include <sys/prctl.h>

#include <cstdlib>
#include <cstring>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/sched/manual_clock.h"
#include "runtime/sched/signal_stack.h"

namespace taskscope::sched {
namespace {

// How long the end of a run waits for tasks on other workers to reach a scheduling point.
constexpr std::int64_t kGraceNs = 1'000'000'000;

// ThreadSanitizer gives every mapping shadow memory at once, and cannot follow more fibers anyway.
constexpr std::size_t kSlots = TASKSCOPE_TSAN ? std::size_t{1} << 15 : stack::kSlotsMax;

}  // namespace

Scheduler::Scheduler(std::uint32_t workers, std::unique_ptr<instrument::Tracer> tracer,
                     ManualClock* clock)
    : tracer_(std::move(tracer)),
      traced_(tracer_ != nullptr),
      stacks_(kSlots),
      timers_(workers, clock) {
  workers_.reserve(workers);
  idle_.reserve(workers);
  for (std::uint32_t i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(*this, i, traced_ ? &tracer_->lane(i) : nullptr));
  }
}

Scheduler::~Scheduler() {
  tasks_.for_each_live([](Task& task) {
    task.context.retire();
    std::free(task.name);
  });
}

bool Scheduler::run(void (*body)(void*), void* closure, const base::Site& site) {
  Task* main = tasks_.take(1);
  main->id = 1;
  main->body = body;
  main->closure = closure;
  main->spawn_site = site;
  main->name = strdup("main");
  main->state.store(TaskState::Runnable, std::memory_order_relaxed);
  if (traced_) {
    const base::LockGuard guard(tracer_->ext_lock());
    instrument::Lane& lane = tracer_->ext_lane();
    lane.spawn(1, lane.site(site));
    lane.task_name(1, main->name);
  }
  base::annotate_release(main);
  global_.push(main);
  threads_.reserve(workers_.size());
  for (auto& worker : workers_) {
    threads_.emplace_back([this, w = worker.get()] {
      {
        // Sleeping threads wake when they asked to, not up to 50 µs later.
        prctl(PR_SET_TIMERSLACK, 1ul);
        const SignalStack signal_stack;
        w->loop();
      }
      // Release pairs with the acquire in wait_for_workers().
      stopped_.fetch_add(1, std::memory_order_release);
      base::futex_wake(stopped_, 1);
    });
  }
  const bool clean = wait_for_workers();
  base::annotate_acquire(this);
  return clean;
}

bool Scheduler::wait_for_workers() {
  const auto all = static_cast<std::uint32_t>(workers_.size());
  std::int64_t deadline = Timers::kNever;
  for (;;) {
    const std::uint32_t stopped = stopped_.load(std::memory_order_acquire);
    if (stopped == all) break;
    if (stopped == 0) {  // the main task still runs, or has just ended
      base::futex_wait(stopped_, 0);
      continue;
    }
    if (deadline == Timers::kNever) deadline = base::monotonic_ns() + kGraceNs;
    if (!base::futex_wait_until(stopped_, stopped, deadline)) {
      // detached: a task there never reaches a scheduling point; the scheduler stays for ever.
      for (std::thread& thread : threads_) thread.detach();
      return false;
    }
  }
  for (std::thread& thread : threads_) thread.join();
  return true;
}

void Scheduler::stop() {
  stopping_.store(true, std::memory_order_seq_cst);
  while (Worker* worker = take_idle()) {
    add_spinner();  // as wake_one() does: the woken worker takes the count over
    worker->unpark();
  }
}

RunStats Scheduler::stats() const {
  RunStats stats;
  stats.workers = static_cast<std::uint32_t>(workers_.size());
  stats.tasks_spawned = 1 + spawned_foreign_.load(std::memory_order_relaxed);
  std::uint64_t ended = 0;
  for (const auto& worker : workers_) {
    stats.tasks_spawned += worker->spawned();
    ended += worker->ended();
  }
  stats.tasks_abandoned = stats.tasks_spawned - ended;
  tasks_.for_each_live([&stats](const Task& task) {
    if (task.stack != stack::kNoStack) ++stats.stacks_in_use;
  });
  return stats;
}

// ---- Threads that are no worker's
// ----------------------------------------------------------------

void Scheduler::submit_foreign(void (*body)(void*), void* closure, std::string_view name,
                               const base::Site& site) {
  Task* task = tasks_.take(1);
  task->id = next_id_.fetch_add(1, std::memory_order_relaxed);
  task->parent = 0;
  task->seq = 0;
  task->body = body;
  task->closure = closure;
  task->spawn_site = site;
  if (!name.empty()) task->name = strndup(name.data(), name.size());
  spawned_foreign_.fetch_add(1, std::memory_order_relaxed);
  if (traced_) {
    const base::LockGuard guard(tracer_->ext_lock());
    instrument::Lane& lane = tracer_->ext_lane();
    lane.spawn(task->id, lane.site(site));
    if (!name.empty()) lane.task_name(task->id, name);
  }
  task->state.store(TaskState::Runnable, std::memory_order_relaxed);
  base::annotate_release(task);
  global_.push(task);
  wake_one_if_useful(nullptr);
}

void Scheduler::ready_foreign(Task* task) {
  ++task->seq;
  if (traced_) {
    const base::LockGuard guard(tracer_->ext_lock());
    tracer_->ext_lane().ready(task->id, task->seq);
  }
  task->state.store(TaskState::Runnable, std::memory_order_relaxed);
  base::annotate_release(task);
  global_.push(task);
  wake_one_if_useful(nullptr);
}

void Scheduler::stop_tracing() {
  if (traced_) tracer_->forget_recorder();
  traced_ = false;
}

// ---- Idle workers
// --------------------------------------------------------------------------------

void Scheduler::add_idle(Worker& worker) {
  const base::LockGuard guard(idle_lock_);
  idle_.push_back(&worker);
  idle_count_.store(static_cast<std::uint32_t>(idle_.size()), std::memory_order_seq_cst);
}

bool Scheduler::remove_idle(Worker& worker) {
  const base::LockGuard guard(idle_lock_);
  for (Worker*& entry : idle_) {
    if (entry != &worker) continue;
    entry = idle_.back();
    idle_.pop_back();
    idle_count_.store(static_cast<std::uint32_t>(idle_.size()), std::memory_order_seq_cst);
    return true;
  }
  return false;
}

Worker* Scheduler::take_idle() {
  const base::LockGuard guard(idle_lock_);
  if (idle_.empty()) return nullptr;
  // The one that went to sleep last: its core is the warmest.
  Worker* const worker = idle_.back();
  idle_.pop_back();
  idle_count_.store(static_cast<std::uint32_t>(idle_.size()), std::memory_order_seq_cst);
  return worker;
}

void Scheduler::wake_one(instrument::Lane* lane) {
  do {
    std::uint32_t none = 0;
    if (!spinning_.compare_exchange_strong(none, 1, std::memory_order_seq_cst)) return;
    if (Worker* worker = take_idle()) {
      if (lane != nullptr) lane->worker_wake(worker->index());
      worker->unpark();
      return;
    }
    spinning_.fetch_sub(1, std::memory_order_seq_cst);
    // Somebody may have gone to sleep, and somebody else trusted the count, in between.
  } while (idle_count_.load(std::memory_order_seq_cst) != 0);
}

bool Scheduler::any_work() const {
  if (global_.size() != 0 || timers_.overtaken()) return true;
  for (const auto& worker : workers_) {
    if (!worker->queue().looks_empty()) return true;
  }
  return false;
}

bool Scheduler::all_asleep() const {
  return idle_count_.load(std::memory_order_seq_cst) == workers_.size() && !any_work() &&
         timers_.stand_still() && !poller_.active();
}

bool Scheduler::leap_in_time(Worker& worker) {
  ManualClock* const clock = timers_.manual_clock();
  if (clock == nullptr || clock->moves() == ManualClock::Moves::ByHand) return false;
  // Under the lock from the last look to the removal: nobody else leaps while this worker is about
  // to fire what is due.
  const base::LockGuard guard(idle_lock_);
  const std::int64_t deadline = timers_.earliest_ns();
  if (idle_.size() != workers_.size() || deadline == Timers::kNever || poller_.active() ||
      any_work()) {
    return false;
  }
  clock->leap_to(deadline);
  std::erase(idle_, &worker);
  idle_count_.store(static_cast<std::uint32_t>(idle_.size()), std::memory_order_seq_cst);
  return true;
}

bool Scheduler::may_spin() const {
  // At most half of the busy workers' number search (as in Go): more would only get into each
  // other's way.
  const auto all = static_cast<std::uint32_t>(workers_.size());
  const std::uint32_t busy = all - idle_count_.load(std::memory_order_relaxed);
  return 2 * spinning_.load(std::memory_order_relaxed) < busy;
}

bool Scheduler::become_timekeeper(std::int64_t deadline_ns) {
  std::int64_t kept = timekeeper_deadline_ns_.load(std::memory_order_seq_cst);
  while (deadline_ns < kept) {
    if (timekeeper_deadline_ns_.compare_exchange_weak(kept, deadline_ns)) return true;
  }
  return false;
}

void Scheduler::resign_timekeeper(std::int64_t deadline_ns) {
  // Another worker may have become timekeeper of an earlier deadline.
  timekeeper_deadline_ns_.compare_exchange_strong(deadline_ns, Timers::kNever);
}

}  // namespace taskscope::sched
