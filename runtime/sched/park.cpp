#include "runtime/sched/park.h"

#include <string>

#include "runtime/base/check.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/timer.h"
#include "runtime/sched/unwinding.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {

Task* current_task() {
  const Thread* thread = current_thread();
  return thread == nullptr ? nullptr : thread->task();
}

Task* current_task_for(const char* operation) {
  Task* task = current_task();
  if (task == nullptr) [[unlikely]] {
    fatal(std::string(operation) +
          " would wait, but this thread is not a task's: only tasks started by ts::go or ts::run "
          "can wait");
  }
  return task;
}

void park(const WaitSpec& wait, base::Lock& held) TASKSCOPE_NO_ANALYSIS {
  current_thread()->park(wait, held);
}

void park(const WaitSpec& wait, HeldLocks& held, const WaitArms& arms) {
  current_thread()->park(wait, held, &arms);
}

void park_for_ever(const WaitSpec& wait) {
  base::Lock lock;
  lock.lock();
  park(wait, lock);
  throw_if_unwound();
  base::check_failed(__FILE__, __LINE__, "a task that waits for ever was made ready");
}

void ready(Task* task) {
  if (Thread* thread = current_thread()) return thread->ready(task);
  const ActiveRun active;
  if (active.scheduler() != nullptr) active.scheduler()->ready_foreign(task, nullptr);
}

void unwind(Task* task) {
  task->wait.unwound = true;
  ready(task);
}

bool is_unwound() { return current_thread()->task()->wait.unwound; }

void throw_unwinding() {
  Task& task = *current_thread()->task();
  task.wait.unwound = false;  // another wait may end without having parked
  throw Unwinding(task.id, "could never go on: it waited in " +
                               std::string(trace_format::to_text(task.wait.reason)) + " at " +
                               debug::format_site(task.wait.site()));
}

void yield() {
  Thread* thread = current_thread();
  if (thread == nullptr) fatal("ts::yield called by a thread that is not a task's");
  thread->yield();
}

void checkpoint() {
  if (Thread* thread = current_thread()) thread->checkpoint();
}

void sleep_for(std::int64_t duration_ns, const base::Site& site) {
  if (duration_ns <= 0) return yield();
  current_task_for("ts::sleep");
  current_thread()->sleep_until(deadline_after(duration_ns), site);
}

namespace {

// Calls `write` with the lane of the calling thread, if the run is recorded.
template <class Write>
void with_lane(Write write) TASKSCOPE_NO_ANALYSIS {
  if (Thread* thread = current_thread()) {
    const RuntimeSection section(*thread);
    const Worker* worker = thread->worker();
    if (worker == nullptr) return thread->scheduler().tracing().outside(write);
    if (worker->lane() != nullptr) write(*worker->lane());
    return;
  }
  const ActiveRun active;
  if (active.scheduler() != nullptr) active.scheduler()->tracing().outside(write);
}

}  // namespace

void trace_chosen(const WaitArm& arm) { current_thread()->trace_chosen(arm); }

void trace_close(const instrument::TracedObject& object, const base::Site& site) {
  if (object.announced()) with_lane([&](instrument::Lane& lane) { lane.close(object, site); });
}

void trace_object_end(const instrument::TracedObject& object) {
  if (object.announced()) with_lane([&](instrument::Lane& lane) { lane.object_end(object); });
}

}  // namespace taskscope::sched
