#include "runtime/sched/timer.h"

#include "runtime/base/clock.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/park.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {
namespace {

// Calls `use` with the run's timers and the index of the calling worker; tasks without a worker
// and foreign threads share the first worker's queue. False between runs.
template <class Use>
bool with_timers(Use use) TASKSCOPE_NO_ANALYSIS {
  if (Thread* thread = current_thread()) {
    const RuntimeSection section(*thread);
    Worker* const worker = thread->worker();
    use(thread->scheduler(), worker == nullptr ? 0u : worker->index(), worker);
    return true;
  }
  const ActiveRun active;
  if (active.scheduler() == nullptr) return false;
  use(*active.scheduler(), 0u, static_cast<Worker*>(nullptr));
  return true;
}

instrument::Lane* lane_of(const Worker* worker) {
  return worker == nullptr ? nullptr : worker->lane();
}

// If it is the first of its queue now, an idle worker may have to wake up earlier than it meant to.
void watch(Scheduler& scheduler, const Worker* worker, std::uint32_t index,
           std::int64_t deadline_ns) {
  if (scheduler.timers().queue(index).earliest_ns() != deadline_ns) return;
  scheduler.watch_deadline(deadline_ns, lane_of(worker));
}

}  // namespace

void start_timer(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns) {
  const bool active = with_timers([&](Scheduler& scheduler, std::uint32_t index, Worker* worker) {
    scheduler.timers().start(timer, index, deadline_ns, period_ns);
    watch(scheduler, worker, index, deadline_ns);
  });
  if (!active) {
    fatal(
        "a timer was started while no ts::run is active: make and reset timers, and "
        "contexts with a deadline, inside ts::run");
  }
}

bool stop_timer(Timer& timer) {
  bool stopped = false;
  const bool active =
      with_timers([&](Scheduler& scheduler, std::uint32_t index, const Worker* worker) {
        // A timer's function that waited for another's could wait for itself.
        const bool wait = worker == nullptr || !scheduler.timers().is_firing(index);
        stopped = scheduler.timers().stop(timer, wait);
      });
  return active ? stopped : Timers::take_back(timer);
}

bool Timer::put_off(std::int64_t deadline_ns) {
  if (run_ != current_run()) return false;
  std::int64_t before = deadline_ns_.load(std::memory_order_relaxed);
  while (before != kFixed && before <= deadline_ns) {
    // Relaxed: the firing depends on nothing but this number.
    if (deadline_ns_.compare_exchange_weak(before, deadline_ns, std::memory_order_relaxed)) {
      return true;
    }
  }
  return false;
}

bool move_timer(Timer& timer, std::int64_t deadline_ns) {
  if (timer.put_off(deadline_ns)) return true;
  bool was_pending = false;
  with_timers([&](Scheduler& scheduler, std::uint32_t, const Worker* worker) {
    was_pending = scheduler.timers().move(timer, deadline_ns, 0);
    // Whether it is the first where it is pending is not known here.
    if (was_pending) scheduler.watch_deadline(deadline_ns, lane_of(worker));
  });
  return was_pending;
}

bool reset_timer(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns) {
  bool was_pending = false;
  const bool active = with_timers([&](Scheduler& scheduler, std::uint32_t index, Worker* worker) {
    was_pending = scheduler.timers().move(timer, deadline_ns, period_ns);
    if (was_pending) return scheduler.watch_deadline(deadline_ns, lane_of(worker));
    scheduler.timers().start(timer, index, deadline_ns, period_ns);
    watch(scheduler, worker, index, deadline_ns);
  });
  if (!active) {
    fatal("a timer was reset while no ts::run is active: set deadlines inside ts::run");
  }
  return was_pending;
}

std::int64_t now_ns() {
  std::int64_t now = 0;
  const bool active = with_timers([&](Scheduler& scheduler, std::uint32_t, const Worker*) {
    now = scheduler.timers().now_ns();
  });
  return active ? now : base::monotonic_ns();
}

std::int64_t deadline_after(std::int64_t duration_ns) {
  return deadline_after(duration_ns, now_ns());
}

std::int64_t deadline_after(std::int64_t duration_ns, std::int64_t now_ns) {
  constexpr std::int64_t kLast = Timers::kNever - 1;
  if (duration_ns <= 0) return now_ns;
  return duration_ns < kLast - now_ns ? now_ns + duration_ns : kLast;
}

}  // namespace taskscope::sched
