// A thread that has nothing to run: it gives its worker up, sleeps, and is given another.
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
  const bool spun = mine.leave_spinning();
  if (auto* lane = mine.lane()) lane->worker_park();
  set_worker(nullptr);
  mine.set_status(WorkerStatus::Idle);
  // Steps S1, S2 and S3 of the recipe (scheduler.h).
  scheduler_.idle().add(*this, &mine);
  scheduler_.settle_idle(mine);
  if (spun) scheduler_.remove_spinner();
  if (!scheduler_.any_work()) return;
  if (Worker* back = scheduler_.take_back(*this)) take_up(*back);
}

void Thread::retire_worker() {
  if (!scheduler_.retire_if_asked(*worker())) return;
  set_worker(nullptr);
  scheduler_.add_idle_thread(*this);
}

bool Thread::wait_for_worker() {
  sleep_until_woken();
  if (worker() != nullptr) return true;
  // The waker wrote assigned_ before it set woken_.
  woken_.store(0, std::memory_order_relaxed);
  if (assigned_ == nullptr) return false;
  take_up(*std::exchange(assigned_, nullptr));
  return true;
}

// Returns when somebody has woken this thread, or with a worker that it took itself.
void Thread::sleep_until_woken() {
  // Acquire pairs with the release in wake().
  while (woken_.load(std::memory_order_acquire) == 0) {
    // Whoever stops the run wakes those in the pool; this one may have come after.
    if (scheduler_.stopping() && scheduler_.idle().remove(*this)) return;
    const std::int64_t deadline = scheduler_.timers().earliest_ns();
    // With all workers busy, these look at the timers themselves.
    if (scheduler_.idle().count() != 0 && scheduler_.become_timekeeper(deadline)) {
      const bool woken = base::futex_wait_until(woken_, 0, deadline);
      scheduler_.resign_timekeeper(deadline);
      if (woken) continue;
      // To look after the timer; not a spinner.
      if (Worker* taken = scheduler_.take_back(*this)) return take_up(*taken);
    } else if (scheduler_.all_asleep()) {
      report_if_deadlocked(scheduler_);
      const std::int64_t recheck = base::monotonic_ns() + kDeadlockRecheckNs;
      base::futex_wait_until(woken_, 0, recheck);
    } else {
      base::futex_wait(woken_, 0);
    }
  }
}

void Thread::wake(Worker* worker) {
  assigned_ = worker;
  // Release pairs with the acquire in sleep_until_woken().
  woken_.store(1, std::memory_order_release);
  base::futex_wake(woken_, 1);
}

}  // namespace taskscope::sched
