#include "runtime/sched/scheduler.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/base/thread_time.h"
#include "runtime/sched/call_stack.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/manual_clock.h"
#include "runtime/sched/signal_stack.h"
#include "runtime/sched/task_texts.h"

namespace taskscope::sched {
namespace {

// How long the end of a run waits for tasks on other threads to reach a scheduling point, and how
// long if all of them are in blocking calls.
constexpr std::int64_t kGraceNs = 1'000'000'000;
constexpr std::int64_t kCallGraceNs = 20'000'000;
// On an overloaded machine a thread may get no processor in that time. Who wants one gets so much
// of it before it is given up, but nobody more time than this.
constexpr std::int64_t kRunNs = 100'000'000;
constexpr std::int64_t kStarvedGraceNs = 10'000'000'000;

stack::StackPoolOptions pool_options(std::size_t stack_bytes) {
  stack::StackPoolOptions options{.stack_bytes = stack_bytes};
  // ThreadSanitizer gives every mapping shadow memory at once: enough for 262,144 tasks.
  if (TASKSCOPE_TSAN) options.reservation_bytes_max = std::size_t{64} << 30;
  return options;
}

}  // namespace

Scheduler::Scheduler(const Options& options, std::unique_ptr<instrument::Tracer> tracer)
    : tracing_(*this, std::move(tracer), options.ring_capacity),
      stacks_(pool_options(options.stack_bytes)),
      stack_setting_(options.stack_setting),
      timers_(kWorkersMax, options.clock) {
  if (stacks_.slots() == 0) {
    fatal("no address space for the stacks of tasks, not even for a few of " +
          std::to_string(stacks_.stack_bytes() >> 10) +
          " KiB; raise its limit (ulimit -v) or ask for smaller ones (" + stack_setting_ + ')');
  }
  for (std::uint32_t i = 0; i < options.workers; ++i) make_worker(i);
  worker_count_.store(options.workers, std::memory_order_relaxed);
}

Scheduler::~Scheduler() {
  tasks_.for_each_live([](Task& task) {
    task.context.retire();
    TaskTexts::clear(task);
  });
  if (const LabelSet* const labels = strangers_labels_.load()) labels->release();
}

bool Scheduler::make_worker(std::uint32_t index) {
  instrument::Lane* lane = nullptr;
  if (!tracing_.lane_for_new(index, lane)) return false;
  timers_.add_queue();
  workers_[index] = std::make_unique<Worker>(*this, index, lane);
  tracing_.pass(*workers_[index], 0, false);
  workers_made_.store(index + 1, std::memory_order_release);
  return true;
}

// ---- From the first thread to the last ----------------------------------------------------------

bool Scheduler::run(TaskBody body, void* closure, const base::Site& site) {
  adopt_main(body, closure, site);
  // The other workers get a thread when there is work for them.
  for (const auto& worker : workers().subspan(1)) idle_.add(*worker);
  // First, so that whoever counts threads for a deadlock finds it.
  monitor_.start();
  attach_listener_.start();
  run_frame_ = __builtin_frame_address(0);
  leak_watch_.start();
  start_thread(*workers_[0]);
  const bool clean = wait_for_threads();
  attach_listener_.stop();
  monitor_.stop();
  leak_watch_.stop();
  if (clean) leak_watch_.look_at_end();
  trace_stop(clean);
  base::annotate_acquire(this);
  return clean;
}

void Scheduler::adopt_main(TaskBody body, void* closure, const base::Site& site) {
  Task* const main = tasks_.take();
  main->id = 1;
  main->body = body;
  main->set_closure_address(closure, 0);
  main->spawn_path = &spawn_paths_.add_main(site);
  main->generation = 0;
  TaskTexts::set(*main, "main", nullptr);
  main->state.store(TaskState::Runnable, std::memory_order_relaxed);
  tracing_.outside([&](instrument::Lane& lane) {
    Tracing::introduce_new(lane, *main);
    lane.spawn(lane.now(), 1, lane.site(site));
    lane.task_name(1, main->name);
  });
  base::annotate_release(main);
  global_.push(main);
}

void Scheduler::set_threads_max(std::size_t count) {
  const base::LockGuard guard(threads_lock_);
  threads_max_ = count;
}

bool Scheduler::start_thread(Worker& worker) {
  auto thread = std::make_unique<Thread>(*this);
  Thread* const raw = thread.get();
  base::annotate_release(raw);  // pairs with current_thread(), called by tasks
  const base::LockGuard guard(threads_lock_);
  if (stopping()) {
    worker.set_status(WorkerStatus::Idle);
    return true;
  }
  std::string reason = "the most that ts::run starts";
  if (drivers_.size() < threads_max_) {
    // Before it runs: it may be the one that counts threads for a deadlock.
    threads_started_.store(drivers_.size() + 1, std::memory_order_relaxed);
    try {
      drivers_.push_back({std::move(thread), std::thread([this, raw, &worker] {
                            threads_up_.fetch_add(1, std::memory_order_relaxed);
                            {
                              const SignalStack signal_stack;
                              raw->loop(worker);
                            }
                            // Release pairs with the acquire in wait_for_threads().
                            stopped_.fetch_add(1, std::memory_order_release);
                            base::futex_wake(stopped_, 1);
                          })});
      return true;
    } catch (const std::system_error& error) {
      threads_started_.store(drivers_.size(), std::memory_order_relaxed);
      reason = error.what();
    }
  }
  if (drivers_.empty()) fatal("ts::run cannot start a thread: " + reason);
  if (!std::exchange(told_of_threads_, true)) {
    std::fprintf(stderr,
                 "taskscope: no thread can be started for a worker beside %zu (%s): so many tasks "
                 "are in blocking calls, or compute without a pause; others wait for these. Bound "
                 "them with a semaphore, or raise the limit of threads (ulimit -u)\n",
                 drivers_.size(), reason.c_str());
  }
  return false;
}

// A thread that becomes free finds it in the pool, or the monitor tries again.
void Scheduler::leave_idle(Worker& worker) {
  if (auto* lane = worker.lane()) lane->worker_park();
  while (!idle_.add(worker)) {
    if (retire_if_asked(worker)) return;  // else it is to stay after all
  }
}

bool Scheduler::wait_for_threads() {
  std::int64_t stop_seen_ns = 0;
  for (;;) {
    const std::uint32_t stopped = stopped_.load(std::memory_order_acquire);
    if (!stopping()) {  // the main task still runs
      base::futex_wait(stopped_, stopped);
      continue;
    }
    if (all_stopped(stopped)) break;
    const std::int64_t now = base::monotonic_ns();
    if (stop_seen_ns == 0) stop_seen_ns = now;
    const bool only_calls = only_calls_left(stopped);
    if (now >= stop_seen_ns + kCallGraceNs) note_times();
    std::int64_t deadline = stop_seen_ns + (only_calls ? kCallGraceNs : kGraceNs);
    if (now >= deadline && !only_calls && any_starved()) deadline = stop_seen_ns + kStarvedGraceNs;
    if (now >= deadline) {
      const base::LockGuard guard(threads_lock_);
      // detached: a task there never reaches a scheduling point; the scheduler stays for ever.
      for (Driver& driver : drivers_) driver.handle.detach();
      return false;
    }
    base::futex_wait_until(stopped_, stopped, std::min(deadline, now + kCallGraceNs));
  }
  const base::LockGuard guard(threads_lock_);
  for (Driver& driver : drivers_) driver.handle.join();
  return true;
}

// Under the lock: somebody may be starting one that is not counted yet. Nobody starts one later.
bool Scheduler::all_stopped(std::size_t stopped) {
  const base::LockGuard guard(threads_lock_);
  return stopped == drivers_.size();
}

// Of those that had not stopped when `stopped` were counted.
bool Scheduler::only_calls_left(std::size_t stopped) {
  const base::LockGuard guard(threads_lock_);
  std::size_t in_calls = 0;
  for (const Driver& driver : drivers_) in_calls += driver.thread->in_call() ? 1 : 0;
  return in_calls + stopped >= drivers_.size();
}

// Once, as the end of most runs takes no time in which anybody could starve.
void Scheduler::note_times() {
  const base::LockGuard guard(threads_lock_);
  for (Driver& driver : drivers_) {
    if (!driver.time) {
      driver.time = base::thread_time(driver.thread->os_id()).value_or(base::ThreadTime{});
    }
  }
}

// Whether some thread wants a processor, or had to wait for one for long, and has hardly had one
// since its time was noted.
bool Scheduler::any_starved() {
  const base::LockGuard guard(threads_lock_);
  return std::any_of(drivers_.begin(), drivers_.end(), [](const Driver& driver) {
    if (driver.thread->os_id() == 0) return true;  // it has not even begun
    const auto time = base::thread_time(driver.thread->os_id());
    const base::ThreadTime before = driver.time.value_or(base::ThreadTime{});
    return time && time->ran_ns - before.ran_ns < kRunNs &&
           (time->runnable || time->waited_ns - before.waited_ns >= kRunNs);
  });
}

void Scheduler::trace_stop(bool clean) {
  if (tracing_.sampler().running()) tracing_.tell_modules();
  tracing_.tell_last_words();
  for (const auto& worker : workers()) {
    // Not those that never started or have stopped, nor one that a task still runs on.
    const bool free = clean || worker->status() == WorkerStatus::Idle;
    if (!free || worker->thread() == nullptr || worker->lane() == nullptr) continue;
    worker->lane()->worker_stop();
  }
}

void Scheduler::stop() {
  {
    const base::LockGuard guard(resize_lock_);  // no worker is made behind our back
    stopping_.store(true, std::memory_order_seq_cst);
    for (const auto& worker : workers()) worker->ask(Worker::kStop);
  }
  while (Thread* thread = idle_.take_thread()) thread->wake(nullptr);
  base::futex_wake(stopped_, 1);
}

RunStats Scheduler::stats() const {
  RunStats stats;
  stats.workers = worker_count();
  stats.threads = threads();
  stats.tasks_spawned = 1 + spawned_foreign_.load(std::memory_order_relaxed);
  std::uint64_t ended = ended_foreign_.load(std::memory_order_relaxed);
  for (const auto& worker : workers()) {
    stats.tasks_spawned += worker->spawned();
    ended += worker->ended();
  }
  stats.tasks_abandoned = stats.tasks_spawned - ended;
  tasks_.for_each_live([&stats](const Task& task) {
    if (!task.stack.none()) ++stats.stacks_in_use;
  });
  return stats;
}

// ---- Without a worker ---------------------------------------------------------------------------

namespace {

// The next event is that of `by`, which may be null.
void act(instrument::Lane& lane, Task* by) {
  if (by == nullptr) return;
  Tracing::introduce_outside(lane, *by);
  lane.by(by->id, by->seq);
}

}  // namespace

void Scheduler::submit_foreign(Task* task, std::string_view name, Task* by) {
  task->id = take_ids(1);
  task->parent = by == nullptr ? 0 : by->id;
  task->seq = 0;
  TaskTexts::set(*task, name, by == nullptr ? strangers_labels() : labels_of(*by));
  spawned_foreign_.fetch_add(1, std::memory_order_relaxed);
  tracing_.change_outside([&](instrument::Lane* lane) {
    if (lane != nullptr) {
      const auto where = lane->site(task->spawn_site());
      const auto stack = by == nullptr ? 0 : calls_here(*lane, stacks_);
      act(*lane, by);
      if (stack != 0) {
        lane->at_stack(lane->now(), stack);
        act(*lane, by);
      }
      Tracing::introduce_new(*lane, *task);
      lane->spawn(lane->now(), task->id, where);
      if (!name.empty()) lane->task_name(task->id, name);
    }
    task->state.store(TaskState::Runnable, std::memory_order_release);
  });
  base::annotate_release(task);
  queue_global(task, nullptr);
}

namespace {

// Marks a task without a worker as runnable; `say_who(lane)` comes right before that.
template <class SayWho>
void mark_ready_outside(Tracing& tracing, Task* task, SayWho say_who) {
  tracing.change_outside([&](instrument::Lane* lane) {
    if (lane != nullptr) Tracing::introduce_outside(*lane, *task);
    ++task->seq;
    task->state.store(TaskState::Runnable, std::memory_order_relaxed);
    if (lane == nullptr) return;
    say_who(*lane);
    lane->ready(task->id, task->seq);
  });
}

}  // namespace

void Scheduler::ready_foreign(Task* task, Task* by) {
  mark_ready_outside(tracing_, task, [by](instrument::Lane& lane) { act(lane, by); });
  base::annotate_release(task);
  queue_global(task, nullptr);
}

void Scheduler::ready_polled(PolledTasks tasks) {
  while (Task* task = tasks.first) {
    tasks.first = task->link;
    mark_ready_outside(tracing_, task, [](instrument::Lane& lane) { lane.poll_wake_next(); });
    base::annotate_release(task);
    queue_global(task, nullptr);
  }
}

void Scheduler::queue_workerless(Task* task) {
  mark_ready_outside(tracing_, task, [](instrument::Lane&) {});
}

void Scheduler::queue_global(Task* task, instrument::Lane* lane) {
  global_.push(task);
  wake_one_if_useful(lane);
}

void Scheduler::after_fork() {
  // The parent's other threads are not here to open it.
  new (&threads_lock_) base::Lock;
  idle_.forget();
  for (const auto& worker : workers()) worker->ask(Worker::kForked);
  tracing_.forget();
  attach_listener_.forget();
  leak_watch_.forget();
}

// ---- Idle workers -------------------------------------------------------------------------------

void Scheduler::wake_one(instrument::Lane* lane) {
  do {
    std::uint32_t none = 0;
    if (!spinning_.compare_exchange_strong(none, 1, std::memory_order_seq_cst)) return;
    if (wake_idle_worker(lane)) return;
    spinning_.fetch_sub(1, std::memory_order_seq_cst);
    // Somebody may have gone to sleep, and somebody else trusted the count, in between.
  } while (idle_.count() != 0);
}

// The woken worker takes the caller's count in spinning_ over.
bool Scheduler::wake_idle_worker(instrument::Lane* lane) {
  const IdlePool::Pair pair = idle_.take_pair();
  if (pair.worker == nullptr) return false;
  monitor_.wake_if_asleep();
  pair.worker->set_spinning();
  if (lane != nullptr) lane->worker_wake(pair.worker->index());
  if (pair.thread != nullptr) {
    pair.thread->wake(pair.worker);
  } else if (!start_thread(*pair.worker)) {
    pair.worker->give_up_spinning();
    leave_idle(*pair.worker);
    spinning_.fetch_sub(1, std::memory_order_seq_cst);
  }
  return true;
}

Worker* Scheduler::take_idle_worker() {
  if (idle_.count() == 0) return nullptr;
  Worker* const worker = idle_.take_worker();
  if (worker != nullptr) monitor_.wake_if_asleep();
  return worker;
}

Worker* Scheduler::take_back(Thread& thread) {
  Worker* const worker = idle_.take_back(thread);
  if (worker != nullptr) monitor_.wake_if_asleep();
  return worker;
}

void Scheduler::add_idle_thread(Thread& thread) {
  tracing_.outside([&](instrument::Lane& lane) {
    lane.thread_park(static_cast<std::uint64_t>(thread.os_id()));
  });
  thread.note_park();
  idle_.add(thread);
}

void Scheduler::hand_on_from_call(Worker& worker) {
  count_workerless(+1);
  if (auto* lane = worker.lane()) {
    // The task may be telling of itself on its own thread; it is told of as one without a worker.
    const bool known = Tracing::knows(*lane, worker.call_task());
    known ? lane->handoff(worker.call_task_id()) : lane->forget_current();
  }
  hand_on(worker);
}

void Scheduler::hand_on(Worker& worker) {
  if (worker.attention() == 0 && !any_work() && !anything_unwatched()) {
    // Nothing to do for it: no thread needs to wake to find that out.
    if (auto* lane = worker.lane()) lane->worker_park();
    const bool rests = idle_.add(worker);
    if (rests) return look_after_idling();
  }
  if (Thread* thread = idle_.take_thread()) {
    thread->wake(&worker);
  } else if (!start_thread(worker)) {
    leave_idle(worker);
  }
}

void Scheduler::look_after_idling() {
  const bool last = idle_.count() == worker_count() && !any_workerless() &&
                    retiring_.load(std::memory_order_seq_cst) == 0;
  // Step S3 of the recipe; and whoever kept the time may have gone to sleep for good because it saw
  // no idle worker.
  if (last || any_work() || anything_unwatched()) wake_one_if_useful(nullptr);
}

bool Scheduler::any_work() const {
  if (global_.size() != 0 || timers_.overtaken()) return true;
  for (const auto& worker : workers()) {
    if (!worker->queue().looks_empty()) return true;
  }
  return false;
}

bool Scheduler::anything_unwatched() const {
  return timers_.wake_at_ns() < timekeeper_deadline_ns() ||
         (poller_.active() && !poller_.someone_sleeps());
}

bool Scheduler::all_asleep() const {
  // It looks from place to place, so nobody may have moved meanwhile: no worker out of the pool, no
  // task to a worker or away from it.
  const std::uint64_t workerless = workerless_.load();
  const std::uint64_t pool = idle_.version();
  return idle_.count() == worker_count() && retiring_.load(std::memory_order_seq_cst) == 0 &&
         !any_workerless() && !any_work() && timers_.stand_still() && !poller_.active() &&
         idle_.version() == pool && workerless_.load() == workerless;
}

Worker* Scheduler::leap_in_time(Thread& thread) {
  ManualClock* const clock = timers_.manual_clock();
  if (clock == nullptr || clock->moves() == ManualClock::Moves::ByHand) return nullptr;
  Worker* const worker = idle_.take_back_if(thread, [&](std::size_t idle_workers) {
    // What a task without a worker has done can be seen once it is not counted any more.
    if (idle_workers != worker_count() || retiring_.load(std::memory_order_seq_cst) != 0 ||
        any_workerless() || any_work() || poller_.active()) {
      return false;
    }
    const std::int64_t deadline = timers_.earliest_ns();
    if (deadline == Timers::kNever) return false;
    clock->leap_to(deadline);
    return true;
  });
  if (worker != nullptr) monitor_.wake_if_asleep();
  return worker;
}

bool Scheduler::may_spin() const {
  // At most half of the busy workers' number search (as in Go): more would only get into each
  // other's way.
  const std::uint32_t all = worker_count();
  const std::uint32_t idle = idle_.count();
  return 2 * spinning_.load(std::memory_order_relaxed) < (idle < all ? all - idle : 1);
}

bool Scheduler::become_timekeeper(std::int64_t deadline_ns) {
  std::int64_t kept = timekeeper_deadline_ns_.load(std::memory_order_seq_cst);
  while (deadline_ns < kept) {
    if (timekeeper_deadline_ns_.compare_exchange_weak(kept, deadline_ns)) return true;
  }
  return false;
}

void Scheduler::resign_timekeeper(std::int64_t deadline_ns) {
  // Another thread may have become timekeeper of an earlier deadline.
  timekeeper_deadline_ns_.compare_exchange_strong(deadline_ns, Timers::kNever);
}

// ---- The number of workers ----------------------------------------------------------------------

std::uint32_t Scheduler::set_workers(std::uint32_t count) {
  TASKSCOPE_CHECK(count >= 1 && count <= kWorkersMax);
  const base::LockGuard guard(resize_lock_);
  const std::uint32_t old = worker_count();
  if (count == old || stopping()) return old;
  const std::uint32_t made = workers_made();
  for (std::uint32_t i = made; i < count; ++i) {
    if (!make_worker(i)) count = i;
  }
  tracing_.outside([&](instrument::Lane& lane) { lane.worker_count(count); });
  for (std::uint32_t i = count; i < old; ++i) {
    Worker& worker = *workers_[i];
    worker.ask(Worker::kRetire);
    retiring_.fetch_add(1, std::memory_order_seq_cst);
    if (idle_.remove(worker)) retire(worker);
  }
  // Between the two loops, so that never all workers seem idle that are not (all_asleep).
  worker_count_.store(count, std::memory_order_seq_cst);
  for (std::uint32_t i = old; i < count; ++i) {
    Worker& worker = *workers_[i];
    worker.withdraw(Worker::kRetire);
    if (i >= made || worker.revive()) {
      idle_.add(worker);
    } else {  // it has not noticed yet that it was to retire, and simply goes on
      retiring_.fetch_sub(1, std::memory_order_seq_cst);
    }
  }
  // They look for work themselves; one wakes the next.
  look_after_idling();
  return old;
}

bool Scheduler::retire_if_asked(Worker& worker) {
  const base::LockGuard guard(resize_lock_);
  if ((worker.attention() & Worker::kRetire) == 0) return false;
  retire(worker);
  return true;
}

void Scheduler::retire(Worker& worker) {
  worker.give_tasks_away();
  if (auto* lane = worker.lane()) lane->worker_stop();
  worker.set_thread(nullptr);
  worker.set_status(WorkerStatus::Retired);
  retiring_.fetch_sub(1, std::memory_order_seq_cst);
  if (any_work()) wake_one_if_useful(nullptr);
}

}  // namespace taskscope::sched
