// The part of a worker that looks for work elsewhere, and sleeps when there is none.
#include <algorithm>

#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/sched/deadlock.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {
namespace {

// A searching worker goes round this often before it sleeps, with pauses (about 24 ns each) between
// the rounds: some 10 µs in all. Waking a sleeping thread costs its waker 6 µs and takes 50 µs, so
// work that turns up within that time is worth waiting for.
constexpr int kRounds = 8;
constexpr int kPausesPerRound = 50;
// What lies in a next-slot is about to be run by its owner with a warm cache. It is stolen only
// when the owner has been busy with one task for this many pauses (3 µs).
constexpr int kPausesBeforeNext = 125;

void pause(int count) {
  for (int i = 0; i < count; ++i) base::spin_pause();
}

constexpr std::int64_t kDeadlockRecheckNs = 1'000'000'000;

}  // namespace

bool Worker::start_spinning() {
  if (spinning_) return true;
  if (!scheduler_.may_spin()) return false;
  spinning_ = true;
  scheduler_.add_spinner();
  return true;
}

void Worker::stop_spinning() {
  if (!spinning_) return;
  spinning_ = false;
  // Whoever put the work there may have relied on this spinner for the next task too.
  if (scheduler_.remove_spinner()) scheduler_.wake_one_if_useful(lane_);
}

Task* Worker::search_others() {
  auto& workers = scheduler_.workers();
  const auto count = static_cast<std::uint32_t>(workers.size());
  for (int round = 0; round < kRounds; ++round) {
    if (round > 0) pause(kPausesPerRound);
    if (scheduler_.stopping()) return nullptr;
    if (Task* task = pick_global(RunQueue<Task>::kCapacity / 2)) return task;
    const std::uint32_t start = random() % count;
    for (std::uint32_t i = 0; i < count; ++i) {
      Worker& victim = *workers[(start + i) % count];
      if (&victim == this) continue;
      if (Task* task = steal_from(victim, round > 0)) return task;
    }
  }
  return nullptr;
}

Task* Worker::steal_from(Worker& victim, bool also_next) {
  Task* batch[RunQueue<Task>::kCapacity / 2];
  std::uint32_t count = victim.queue_.grab(batch);
  if (count == 0 && also_next) {
    Task* const next = victim.queue_.peek_next();
    if (next == nullptr) return nullptr;
    const std::uint32_t tick = victim.tick_.load(std::memory_order_relaxed);
    pause(kPausesBeforeNext);
    if (victim.tick_.load(std::memory_order_relaxed) != tick) return nullptr;
    if (!victim.queue_.steal_next(next)) return nullptr;
    batch[0] = next;
    count = 1;
  }
  if (count == 0) return nullptr;
  if (lane_ != nullptr) lane_->steal(batch[0]->id, victim.index_, count);
  for (std::uint32_t i = 1; i < count; ++i) queue_last(batch[i]);
  return batch[0];
}

void Worker::sleep() {
  scheduler_.add_idle(*this);
  if (spinning_) {
    spinning_ = false;
    scheduler_.remove_spinner();
  }
  const bool look_again = scheduler_.stopping() || scheduler_.any_work();
  if (look_again && scheduler_.remove_idle(*this)) return;
  if (!look_again && scheduler_.leap_in_time(*this)) return;
  if (!look_again && scheduler_.all_asleep()) report_if_deadlocked(scheduler_, lane_);
  if (lane_ != nullptr) lane_->worker_park();
  const PolledTasks tasks = wait_for_unpark();
  if (lane_ != nullptr) {
    lane_->worker_unpark();
    if (tasks.count != 0) lane_->poll_wake(tasks.count);
  }
  if (tasks.count == 0) return;
  queue_woken(tasks.first);
  // Another may be of use to the tasks, or must keep time for this worker.
  if (tasks.count > 1 || scheduler_.timers().earliest_ns() != Timers::kNever) offer_queued();
}

PolledTasks Worker::wait_for_unpark() {
  PolledTasks tasks;
  // Acquire pairs with the release in unpark().
  while (unparked_.load(std::memory_order_acquire) != kUnparked) {
    const std::int64_t deadline = scheduler_.timers().wake_at_ns();
    if (scheduler_.poller().active() && scheduler_.poller().begin_sleep()) {
      tasks = wait_in_poll(deadline);
      const bool due = deadline != Timers::kNever && base::monotonic_ns() >= deadline;
      if (tasks.count == 0 && !due) continue;
      if (scheduler_.remove_idle(*this)) return tasks;  // not a spinner
      // Somebody is waking this worker already: the word is about to change.
      while (unparked_.load(std::memory_order_acquire) != kUnparked) {
        base::futex_wait(unparked_, kAsleep);
      }
      break;
    }
    if (scheduler_.become_timekeeper(deadline)) {
      const bool woken = base::futex_wait_until(unparked_, kAsleep, deadline);
      scheduler_.resign_timekeeper(deadline);
      if (woken) continue;
      if (scheduler_.remove_idle(*this)) return {};  // to look after the timer; not a spinner
      // Somebody is waking this worker already: the word is about to change.
      base::futex_wait(unparked_, kAsleep);
    } else if (scheduler_.all_asleep()) {
      const std::int64_t recheck = base::monotonic_ns() + kDeadlockRecheckNs;
      if (base::futex_wait_until(unparked_, kAsleep, recheck)) continue;
      if (scheduler_.all_asleep()) report_if_deadlocked(scheduler_, lane_);
    } else {
      base::futex_wait(unparked_, kAsleep);
    }
  }
  unparked_.store(kAsleep, std::memory_order_relaxed);
  // The waker counted this worker as spinning (Scheduler::wake_one).
  spinning_ = true;
  return tasks;
}

PolledTasks Worker::wait_in_poll(std::int64_t deadline_ns) {
  Poller& poller = scheduler_.poller();
  const bool keeps_time = scheduler_.become_timekeeper(deadline_ns);
  std::int64_t timeout_ns = Poller::kForEver;
  if (keeps_time) timeout_ns = std::max<std::int64_t>(deadline_ns - base::monotonic_ns(), 0);
  PolledTasks tasks;
  std::uint32_t expected = kAsleep;
  // Acq_rel, as the exchange in unpark(): the one that comes second sees the other.
  if (unparked_.compare_exchange_strong(expected, kInPoll, std::memory_order_acq_rel)) {
    tasks = poller.poll(timeout_ns);
    expected = kInPoll;
    unparked_.compare_exchange_strong(expected, kAsleep, std::memory_order_acq_rel);
  }
  poller.end_sleep();
  if (keeps_time) scheduler_.resign_timekeeper(deadline_ns);
  return tasks;
}

void Worker::unpark() {
  // Release pairs with the acquire in wait_for_unpark().
  if (unparked_.exchange(kUnparked, std::memory_order_acq_rel) == kInPoll) {
    scheduler_.poller().interrupt();
  } else {
    base::futex_wake(unparked_, 1);
  }
}

}  // namespace taskscope::sched
