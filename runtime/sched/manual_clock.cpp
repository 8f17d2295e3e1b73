#include "runtime/sched/manual_clock.h"

#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/worker.h"

namespace taskscope {

void ManualClock::leap_to(std::int64_t moment_ns) {
  std::int64_t now = now_ns_.load(std::memory_order_seq_cst);
  while (now < moment_ns && !now_ns_.compare_exchange_weak(now, moment_ns)) {
  }
}

void ManualClock::move_to(std::int64_t moment_ns) {
  leap_to(moment_ns);
  if (sched::Thread* const thread = sched::current_thread()) {
    const sched::RuntimeSection section(*thread);
    if (sched::Worker* const worker = thread->worker()) {
      worker->fire_timers(true);
    } else {
      thread->scheduler().wake_one_if_useful(nullptr);
    }
    return;
  }
  const sched::ActiveRun active;
  if (active.scheduler() != nullptr) active.scheduler()->wake_one_if_useful(nullptr);
}

}  // namespace taskscope
