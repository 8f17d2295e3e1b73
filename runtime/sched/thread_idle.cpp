// A thread that has nothing to run: it gives its worker up, sleeps, and is given another.
#include <algorithm>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/base/futex.h"
#include "runtime/sched/deadlock.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {
namespace {

constexpr std::int64_t kDeadlockRecheckNs = 1'000'000'000;

}  // namespace

void Thread::go_idle() {
  Worker& mine = *worker();
  const bool spun = mine.give_up_spinning();
  if (auto* lane = mine.lane()) lane->worker_park();
  // Steps S1, S2 and S3 of the recipe (scheduler.h).
  set_worker(nullptr);
  if (!scheduler_.idle().add(*this, mine)) set_worker(&mine);  // to retire, which the loop sees
  if (spun) scheduler_.remove_spinner();
  if (worker() != nullptr || !scheduler_.any_work()) return;
  if (Worker* back = scheduler_.take_back(*this)) take_up(*back);
}

void Thread::retire_worker() {
  if (worker()->give_up_spinning()) scheduler_.remove_spinner();
  if (!scheduler_.retire_if_asked(*worker())) return;
  set_worker(nullptr);
  scheduler_.add_idle_thread(*this);
}

bool Thread::wait_for_worker() {
  const PolledTasks polled = sleep_until_woken();
  if (worker() == nullptr) {
    // The waker wrote assigned_ before it set woken_.
    woken_.store(kAsleep, std::memory_order_relaxed);
    if (assigned_ == nullptr) return false;
    take_up(*std::exchange(assigned_, nullptr));
    // This thread may have been the one that watched.
    if (scheduler_.anything_unwatched()) scheduler_.wake_one_if_useful(worker()->lane());
  }
  if (polled.first != nullptr) worker()->queue_polled(polled);
  return true;
}

// Returns when somebody has woken this thread, or with a worker that it took itself. What it found
// in the poller meanwhile is for that worker.
PolledTasks Thread::sleep_until_woken() {
  // Acquire pairs with the release in wake().
  while (woken_.load(std::memory_order_acquire) != kWoken) {
    // Whoever stops the run wakes those in the pool; this one may have come after.
    if (scheduler_.stopping() && scheduler_.idle().remove(*this)) break;
    if (Worker* taken = scheduler_.leap_in_time(*this)) {
      take_up(*taken);
      break;
    }
    // With all workers busy, these look at timers and descriptors themselves.
    const bool watches = scheduler_.idle().count() != 0;
    const std::int64_t deadline = scheduler_.timers().wake_at_ns();
    if (watches && scheduler_.poller().active() && scheduler_.poller().begin_sleep()) {
      const PolledTasks polled = sleep_in_poll(deadline);
      const bool due = deadline <= scheduler_.timers().now_ns();
      if (polled.count == 0 && !due) continue;
      if (Worker* taken = scheduler_.take_back(*this)) {  // not a spinner
        take_up(*taken);
        return polled;
      }
      scheduler_.ready_polled(polled);  // all workers are busy, or this thread is being woken
    } else if (watches && scheduler_.become_timekeeper(deadline)) {
      const bool woken = base::futex_wait_until(woken_, kAsleep, deadline);
      scheduler_.resign_timekeeper(deadline);
      if (woken) continue;
      if (Worker* taken = scheduler_.take_back(*this)) {  // to look after the timer; not a spinner
        take_up(*taken);
        break;
      }
    } else if (scheduler_.all_asleep()) {
      report_if_deadlocked(scheduler_);
      base::futex_wait_until(woken_, kAsleep, base::monotonic_ns() + kDeadlockRecheckNs);
    } else {
      base::futex_wait(woken_, kAsleep);
    }
  }
  return {};
}

PolledTasks Thread::sleep_in_poll(std::int64_t deadline_ns) {
  Poller& poller = scheduler_.poller();
  const bool keeps_time = scheduler_.become_timekeeper(deadline_ns);
  std::int64_t timeout_ns = Poller::kForEver;
  if (keeps_time) {
    timeout_ns = std::max<std::int64_t>(deadline_ns - scheduler_.timers().now_ns(), 0);
  }
  PolledTasks tasks;
  std::uint32_t expected = kAsleep;
  // Acq_rel, as the exchange in wake(): the one that comes second sees the other.
  if (woken_.compare_exchange_strong(expected, kInPoll, std::memory_order_acq_rel)) {
    tasks = poller.poll(timeout_ns);
    expected = kInPoll;
    woken_.compare_exchange_strong(expected, kAsleep, std::memory_order_acq_rel);
  }
  poller.end_sleep();
  if (keeps_time) scheduler_.resign_timekeeper(deadline_ns);
  return tasks;
}

void Thread::wake(Worker* worker) {
  assigned_ = worker;
  // Release pairs with the acquire in sleep_until_woken().
  if (woken_.exchange(kWoken, std::memory_order_acq_rel) == kInPoll) {
    scheduler_.poller().interrupt();
  } else {
    base::futex_wake(woken_, 1);
  }
}

}  // namespace taskscope::sched
