#include "runtime/sched/snapshot_trace.h"

#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"

namespace taskscope {
namespace {

// In the ring of threads that are no worker's.
bool ask_outside(sched::Scheduler& scheduler, trace_format::TaskId task, std::string_view why) {
  bool asked = false;
  scheduler.tracing().outside([&](instrument::Lane& lane) {
    lane.snapshot(task, why);
    asked = true;
  });
  return asked;
}

}  // namespace

bool snapshot_trace(std::string_view why) {
  if (sched::Thread* thread = sched::current_thread()) {
    const sched::RuntimeSection section(*thread);
    const trace_format::TaskId task = thread->task()->id;
    sched::Worker* const worker = thread->worker();
    if (worker == nullptr) return ask_outside(thread->scheduler(), task, why);
    instrument::Lane* const lane = worker->lane();
    if (lane == nullptr || !lane->look()) return false;
    sched::Tracing::introduce(*lane, *thread->task());
    lane->snapshot(task, why);
    return true;
  }
  const sched::ActiveRun active;
  return active.scheduler() != nullptr && ask_outside(*active.scheduler(), 0, why);
}

}  // namespace taskscope
