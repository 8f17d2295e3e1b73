#include "runtime/time/function_timer.h"

#include "runtime/sched/fatal.h"
#include "runtime/sched/go.h"

namespace taskscope::time {

std::int64_t checked_period(std::int64_t period_ns, const char* message) {
  if (period_ns <= 0) sched::panic(message);
  return period_ns;
}

constexpr sched::TimerType FunctionTimer::kTask{
    .fire = fire_as_task, .kind = trace_format::TimerKind::AfterFunc, .origin = origin};
constexpr sched::TimerType FunctionTimer::kDetached{
    .fire = fire_here, .kind = trace_format::TimerKind::TimeAfter, .origin = origin};

sched::TimerOrigin FunctionTimer::origin(Timer& timer) {
  const auto& self = static_cast<FunctionTimer&>(timer);
  return {.site = self.site_, .object = self.object_};
}

void FunctionTimer::start(std::int64_t deadline_ns) {
  references_.fetch_add(1, std::memory_order_relaxed);
  sched::start_timer(*this, deadline_ns);
}

void FunctionTimer::fire_as_task(Timer& timer) {
  auto* const self = static_cast<FunctionTimer*>(&timer);
  // The pending timer's reference becomes the task's.
  sched::spawn(
      {},
      [self] {
        self->run();
        self->drop_reference();
      },
      self->site_);
}

void FunctionTimer::fire_here(Timer& timer) {
  auto* const self = static_cast<FunctionTimer*>(&timer);
  self->run();
  self->drop_reference();
}

bool FunctionTimer::stop() {
  if (!sched::stop_timer(*this)) return false;
  drop_reference();
  return true;
}

bool FunctionTimer::reset(std::int64_t deadline_ns) {
  if (sched::move_timer(*this, deadline_ns)) return true;
  const base::LockGuard guard(lock_);
  if (sched::stop_timer(*this)) {  // meanwhile set by another task, or left by an earlier run
    sched::start_timer(*this, deadline_ns);
    return true;
  }
  start(deadline_ns);
  return false;
}

}  // namespace taskscope::time
