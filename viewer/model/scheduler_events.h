// What the scheduler's own events say, sorted out: by worker who drove it and what was decided on
// it, by thread what it was busy with, and the lengths of the queues. Pure functions, for
// SessionBuilder.
#pragma once

#include <array>
#include <functional>
#include <span>
#include <vector>

#include "viewer/model/session.h"

namespace taskscope::viewer {

// The events that a session is made of beside spans, those of selects among them. Steals come as
// rows of their own.
inline constexpr std::array kSessionKinds = {
    store::EventKind::Arm,        store::EventKind::Chosen,     store::EventKind::WorkerStart,
    store::EventKind::WorkerStop, store::EventKind::WorkerWake, store::EventKind::Preempt,
    store::EventKind::Handoff,    store::EventKind::PollWake,   store::EventKind::TimerFire,
    store::EventKind::ThreadPark, store::EventKind::ThreadWake, store::EventKind::QueueLength,
    store::EventKind::WorkerCount};

struct SchedulerInput {
  std::span<const store::EventRow> events;  // by time, of kSessionKinds
  std::span<const store::StealRow> steals;
  std::span<const store::ParkRow> parks;
  std::span<const Worker> workers;  // by id
  std::function<TaskIndex(TaskId)> find_task;
  std::int64_t duration_ns = 0;
};

// By index of the worker; the last ones are of threads that drive none.
std::vector<std::vector<Decision>> make_decisions(const SchedulerInput& input);
// By index of the worker.
std::vector<std::vector<Drive>> make_drives(const SchedulerInput& input);
// Each worker's own queue as it was last heard of, and the global one of each program, added up. A
// worker that falls asleep has found both empty; one that stops has given its tasks away.
CounterTrack make_queued(const SchedulerInput& input);
// Of all programs together.
std::vector<WorkerCount> make_worker_counts(const SchedulerInput& input);

// The thread that the event is about; 0: none.
std::uint64_t thread_of(const store::EventRow& event);

struct TimedUse {
  TimeRange range;
  StateClass state_class = StateClass::Running;
  ThreadUse use;
};
// Fills uses and tracks. `by_thread` is what tasks without a worker did on each thread. The workers
// need all but their decisions by then.
void fill_threads(std::vector<Thread>& threads, const SchedulerInput& input,
                  std::vector<std::vector<TimedUse>> by_thread, PackedArena& arena);

// From rows of one worker, each kind by start. Where damage made two overlap, the later one begins
// when the other ends.
IdleTimes make_idle_times(std::span<const store::ParkRow> parks,
                          std::span<const store::ParkRow> spins, PackedArena& arena);

}  // namespace taskscope::viewer
