#include "runtime/sched/tracing.h"

#include <poll.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <new>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/sanitizer.h"
#include "runtime/base/spin.h"
#include "runtime/sched/preempt.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_texts.h"

namespace taskscope::sched {
namespace tf = trace_format;
namespace {

// How long a task may run on before it loses its worker so that this can pass: a slice, as in
// monitor.cpp.
constexpr std::int64_t kSliceNs = 10'000'000;
constexpr std::int64_t kShortestWaitNs = 20'000;
constexpr std::int64_t kLongestWaitNs = 1'000'000;
constexpr int kPausesBeforeYield = 100;
// Some microseconds. In a handler the lock may be the interrupted thread's own.
constexpr int kPausesForSample = 200;
// What may be said of them fills a small part of the smallest ring.
constexpr int kTimersAtOnce = 16;

void sleep_ns(std::int64_t ns) {
  const timespec time{.tv_sec = 0, .tv_nsec = ns};
  nanosleep(&time, nullptr);
}

tf::AliveState alive_state(TaskState state) {
  switch (state) {
    case TaskState::Running:
      return tf::AliveState::Running;
    case TaskState::InCall:
      return tf::AliveState::Syscall;
    case TaskState::Blocked:
      return tf::AliveState::Blocked;
    case TaskState::Free:
    case TaskState::Runnable:
      break;
  }
  return tf::AliveState::Runnable;
}

}  // namespace

namespace {

// Atomic: see set_last_words(); release, pairs with the acquire in tell_last_words().
constinit std::atomic<LastWords> g_last_words{nullptr};

}  // namespace

void set_last_words(LastWords words) { g_last_words.store(words, std::memory_order_release); }

// Written by the Tracing of the active run.
constinit std::atomic<bool> run_is_recorded{false};

Tracing::Tracing(Scheduler& scheduler, std::unique_ptr<instrument::Tracer> tracer,
                 std::uint64_t ring_capacity)
    : scheduler_(scheduler),
      ring_capacity_(ring_capacity),
      tracer_(std::move(tracer)),
      sampler_(scheduler, tracer_ == nullptr ? std::uint16_t{0} : tracer_->wanted().sample_hz),
      target_(tracer_.get()) {
  if (tracer_ != nullptr) ext_.store(&tracer_->ext_lane(), std::memory_order_relaxed);
  run_is_recorded.store(tracer_ != nullptr, std::memory_order_relaxed);
}

Tracing::~Tracing() { run_is_recorded.store(false, std::memory_order_relaxed); }

// ---- Coming and going ---------------------------------------------------------------------------

Result<void> Tracing::attach(base::UniqueFd socket, const tf::Wanted& wanted) {
  {
    const base::LockGuard guard(scheduler_.resize_lock());
    auto made = instrument::Tracer::prepare(
        std::move(socket),
        {.workers = scheduler_.workers_made(), .ring_capacity = ring_capacity_, .wanted = wanted});
    if (!made) return made.error();
    tracer_ = std::move(made).value();
    target_.store(tracer_.get(), std::memory_order_release);
    // Before the lanes open, so that nothing that is said from then on is missed.
    run_is_recorded.store(true, std::memory_order_relaxed);
    begin_round();
  }
  if (!finish_round()) return {};
  Result<void> begun;
  {
    const base::LockGuard guard(scheduler_.resize_lock());
    const base::LockGuard ext_guard(ext_lock_);
    begun = tracer_->begin();
    instrument::Lane& ext = tracer_->ext_lane();
    ext.look();
    ext.worker_count(scheduler_.worker_count());
    if (wanted.anything()) ext.tell_modules();
    ext_.store(&ext, std::memory_order_relaxed);
    begin_round();
  }
  if (!begun) {
    detach();
    return begun;
  }
  sampler_.start(wanted.sample_hz);
  if (finish_round() && !tell_all()) detach();
  scheduler_.leak_watch().start();
  return {};
}

void Tracing::detach() {
  if (tracer_ == nullptr) return;
  sampler_.stop();
  tell_last_words();
  std::uint64_t end_ticks = 0;
  {
    const base::LockGuard guard(scheduler_.resize_lock());
    const base::LockGuard ext_guard(ext_lock_);
    end_ticks = tracer_->now();
    ext_.store(nullptr, std::memory_order_relaxed);
    run_is_recorded.store(false, std::memory_order_relaxed);
    target_.store(nullptr, std::memory_order_release);
    begin_round();
  }
  const bool unused = finish_round();
  tracer_->say_goodbye(end_ticks);
  // At the end of a run some worker may still use it; then it dies with the run.
  if (unused) tracer_.reset();
}

void Tracing::tell_last_words() {
  if (const LastWords words = g_last_words.load(std::memory_order_acquire)) outside(words);
}

void Tracing::say_goodbye() {
  sampler_.stop();
  if (tracer_ != nullptr) tracer_->say_goodbye();
}

void Tracing::forget() {
  sampler_.forget();
  new (&ext_lock_) base::Lock;  // another thread, which is not here, may have held it
  ext_.store(nullptr, std::memory_order_relaxed);
  run_is_recorded.store(false, std::memory_order_relaxed);
  target_.store(nullptr, std::memory_order_relaxed);
  if (tracer_ != nullptr) tracer_->forget_recorder();
}

bool Tracing::try_sample(TaskId task, std::string_view text) TASKSCOPE_NO_ANALYSIS {
  for (int i = 0; !ext_lock_.try_lock(); ++i) {
    if (i == kPausesForSample) return false;
    base::spin_pause();
  }
  instrument::Lane* const lane = ext_.load(std::memory_order_relaxed);
  // Nobody records any more: nothing is lost.
  const bool written = lane == nullptr || lane->sample(task, text);
  ext_lock_.unlock();
  return written;
}

bool Tracing::recorder_is_gone() const {
  pollfd socket{.fd = tracer_->socket(), .events = 0, .revents = 0};
  return poll(&socket, 1, 0) > 0;  // a hang-up is always reported
}

// ---- Every worker, between two tasks ------------------------------------------------------------

bool Tracing::lane_for_new(std::uint32_t worker, instrument::Lane*& lane) {
  instrument::Tracer* const tracer = target_.load(std::memory_order_relaxed);
  lane = tracer == nullptr ? nullptr : tracer->lane_for(worker);
  return tracer == nullptr || lane != nullptr;
}

// REQUIRES: the scheduler's lock on the number of workers.
void Tracing::begin_round() {
  round_.fetch_add(1, std::memory_order_seq_cst);
  for (const auto& worker : scheduler_.workers()) worker->ask(Worker::kTrace);
}

void Tracing::pass(Worker& worker, int os_thread, bool idle) {
  worker.withdraw(Worker::kTrace);
  // Acquire pairs with begin_round(), by which the target was written.
  const std::uint32_t round = round_.load(std::memory_order_acquire);
  instrument::Tracer* const tracer = target_.load(std::memory_order_acquire);
  instrument::Lane* const lane = tracer == nullptr ? nullptr : &tracer->lane(worker.index());
  worker.set_lane(lane);
  if (lane != nullptr && lane->look() && !lane->started() && os_thread != 0) {
    lane->worker_start(static_cast<std::uint64_t>(os_thread));
    if (idle) lane->worker_park();
  }
  worker.set_passed(round);
}

// False if the run ends meanwhile.
bool Tracing::finish_round() {
  const std::uint32_t round = round_.load(std::memory_order_relaxed);
  const std::int64_t begun_ns = base::monotonic_ns();
  std::int64_t wait_ns = kShortestWaitNs;
  for (;;) {
    if (scheduler_.stopping()) return false;
    scheduler_.idle().visit([&](Worker& worker) {
      const Thread* thread = worker.thread();
      if (worker.passed() != round) pass(worker, thread == nullptr ? 0 : thread->os_id(), true);
    });
    bool all = true;
    const std::int64_t waited_ns = base::monotonic_ns() - begun_ns;
    for (const auto& worker : scheduler_.workers()) {
      if (worker->passed() == round) continue;
      all = false;
      hurry(*worker, waited_ns);
    }
    if (all) return true;
    sleep_ns(wait_ns);
    wait_ns = std::min(2 * wait_ns, kLongestWaitNs);
  }
}

// A worker that does not come to stand between two tasks by itself.
void Tracing::hurry(Worker& worker, std::int64_t waited_ns) {
  switch (worker.status()) {
    case WorkerStatus::InCall:
      if (worker.take_from_call()) scheduler_.hand_on_from_call(worker);
      break;
    case WorkerStatus::Running:
      if (waited_ns >= kSliceNs) scheduler_.monitor().ask_for(worker);
      break;
    case WorkerStatus::Retired: {
      const base::LockGuard guard(scheduler_.resize_lock());
      if (worker.status() == WorkerStatus::Retired) pass(worker, 0, false);
      break;
    }
    case WorkerStatus::Idle:       // somebody is just waking it
    case WorkerStatus::Preempted:  // the monitor hands it on
      break;
  }
}

// ---- Telling what tasks were doing --------------------------------------------------------------

bool Tracing::introduce_slowly(instrument::Lane& lane, Task& task, Where where) {
  if (!lane.look()) return false;
  const std::uint16_t session = lane.session();
  const auto telling = static_cast<std::uint16_t>(session | kTelling);
  std::uint16_t told = task.told.load(std::memory_order_acquire);
  for (int i = 0;; ++i) {
    if (told == session) return false;
    if (told != telling) {
      // Acquire: what the task's last owner did to it is visible.
      if (task.told.compare_exchange_weak(told, telling, std::memory_order_acq_rel)) {
        break;
      }
      continue;
    }
    i < kPausesBeforeYield ? base::spin_pause() : static_cast<void>(sched_yield());
    told = task.told.load(std::memory_order_acquire);
  }
  if (where == Where::Here && !lane.started()) {
    lane.worker_start(static_cast<std::uint64_t>(syscall(SYS_gettid)));
  }
  task.region_depth = 0;
  tell(lane, task, where);
  // Release pairs with the acquire in introduce().
  task.told.store(session, std::memory_order_release);
  return true;
}

void Tracing::tell(instrument::Lane& lane, Task& task, Where where) {
  const TaskState state = task.state.load(std::memory_order_acquire);
  if (state == TaskState::Free) return;
  base::annotate_acquire(&task);  // pairs with Worker::submit(): its name
  tf::AliveText text{.state = alive_state(state),
                     .seq = task.seq & tf::kSeqMask,
                     .age_ns = 0,
                     .spawn_site = lane.site(task.spawn_site()),
                     .parent = task.parent};
  if (state == TaskState::Blocked) {
    const std::int64_t age_ns =
        base::monotonic_ns() - task.wait_since_ns.load(std::memory_order_relaxed);
    text.age_ns = static_cast<std::uint64_t>(std::max<std::int64_t>(age_ns, 0));
    text.reason = task.wait.reason;
    text.wait_site = lane.site(task.wait.site());
    text.object = task.wait.object == nullptr ? 0 : lane.object(*task.wait.object);
  }
  const bool runs = state == TaskState::Running || state == TaskState::InCall;
  if (const LabelSet* labels = labels_of(task)) {
    for (const std::string& label : labels->texts()) lane.label(task.id, label);
  }
  lane.alive(task.id, text, task.name == nullptr ? "" : task.name, runs && where == Where::Here);
}

// False if the recorder has gone. At most half of the ring is filled: the rest is for what the
// program does meanwhile.
bool Tracing::wait_for_room() {
  while (tracer_->ext_ring_is_half_full()) {
    if (recorder_is_gone() || scheduler_.stopping()) return false;
    sleep_ns(kLongestWaitNs);
  }
  return true;
}

// False if the recorder has gone.
bool Tracing::tell_all() {
  bool there = true;
  scheduler_.tasks().for_each_live([&](Task& task) {
    there = there && wait_for_room();
    if (!there) return;
    outside([&](instrument::Lane& lane) { introduce_outside(lane, task); });
  });
  return there && tell_timers();
}

bool Tracing::tell_timers() {
  for (std::uint32_t i = 0; i < scheduler_.timers().count(); ++i) {
    TimerQueue& queue = scheduler_.timers().queue(i);
    bool there = true;
    bool more = true;
    {
      const base::LockGuard guard(queue.lock());
      queue.begin_telling();
    }
    while (there && more) {
      there = wait_for_room();
      const base::LockGuard guard(queue.lock());
      more = there && tell_some(queue);
      if (!there) queue.end_telling();
    }
    if (!there) return false;
  }
  return true;
}

// Few at a time, so that the queue is closed for some microseconds only. The timers, and what they
// are about, stay while it is. False if there are no more. REQUIRES: queue.lock().
bool Tracing::tell_some(TimerQueue& queue) TASKSCOPE_NO_ANALYSIS {
  const std::int64_t now_ns = scheduler_.timers().now_ns();
  for (int i = 0; i < kTimersAtOnce; ++i) {
    Timer* const timer = queue.next_untold();
    if (timer == nullptr) return false;
    const TimerType& type = *timer->type;
    const TimerOrigin origin = type.origin == nullptr ? TimerOrigin() : type.origin(*timer);
    const std::int64_t period_ns = TimerQueue::period_ns(*timer);
    const std::int64_t due_in_ns = std::max<std::int64_t>(queue.due_ns(*timer) - now_ns, 0);
    tf::PendingTimer pending{.kind = type.kind,
                             .due_in_ns = static_cast<std::uint64_t>(due_in_ns),
                             .period_ns = static_cast<std::uint64_t>(period_ns),
                             .task = origin.task};
    if (type.kind == tf::TimerKind::Timer && period_ns != 0) pending.kind = tf::TimerKind::Ticker;
    outside([&](instrument::Lane& lane) {
      pending.site = lane.site(origin.site);
      lane.timer(origin.object == nullptr ? 0 : lane.object(*origin.object), pending);
    });
  }
  return true;
}

}  // namespace taskscope::sched
