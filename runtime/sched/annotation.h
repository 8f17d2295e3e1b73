// How what a program says about itself gets into the trace: the lane of whoever says it.
//
// For runtime/annotate. Any thread; never waits.
#pragma once

#include <cstdint>

#include "runtime/instrument/lane.h"
#include "runtime/sched/process.h"
#include "runtime/sched/recorded.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {

// Whose words are heard: those of tasks, or also those of threads that run none.
enum class Speaker : std::uint8_t { Task, Anybody };

// Calls `prepare(lane)`, which may write definitions, and then `write(lane, task, prepared)`, which
// writes one event and no more. `task` is the one that calls, null on a thread that runs none.
// False if nobody hears it; then nothing was called.
template <Speaker kSpeaker, class Prepare, class Write>
bool annotate(Prepare prepare, Write write) {
  bool heard = false;
  const auto outside = [&](Scheduler& scheduler, Task* task) {
    scheduler.tracing().outside([&](instrument::Lane& lane) {
      if (task != nullptr) Tracing::introduce_outside(lane, *task);
      const auto prepared = prepare(lane);
      if (task != nullptr) lane.by(task->id, task->seq);
      write(lane, task, prepared);
      heard = true;
    });
  };
  Thread* const thread = current_thread();
  if (kSpeaker == Speaker::Task && (thread == nullptr || thread->task() == nullptr)) return false;
  if (thread == nullptr) {
    const ActiveRun active;
    if (active.scheduler() != nullptr) outside(*active.scheduler(), nullptr);
    return heard;
  }
  const RuntimeSection section(*thread);
  Task* const task = thread->task();
  const Worker* const worker = thread->worker();
  if (worker == nullptr) {
    if (task != nullptr) thread->leave_call_worker();
    outside(thread->scheduler(), task);
    return heard;
  }
  instrument::Lane* const lane = worker->lane();
  if (lane == nullptr || !lane->look()) return false;
  if (task != nullptr) Tracing::introduce(*lane, *task);
  const auto prepared = prepare(*lane);
  write(*lane, task, prepared);
  return true;
}

}  // namespace taskscope::sched
