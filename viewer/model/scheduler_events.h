// What the scheduler's own events say, sorted out: by worker who drove it and what was decided on
// it, by thread what it was busy with, and the lengths of the queues. For SessionBuilder.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <span>
#include <unordered_map>
#include <utility>
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

// The same and those that a recording under way has no rows for yet.
inline constexpr std::array kLiveKinds = [] {
  std::array<store::EventKind, kSessionKinds.size() + 5> kinds{};
  std::copy(kSessionKinds.begin(), kSessionKinds.end(), kinds.begin());
  std::size_t at = kSessionKinds.size();
  for (const store::EventKind kind :
       {store::EventKind::Spawn, store::EventKind::Alive, store::EventKind::Exit,
        store::EventKind::Steal, store::EventKind::WorkerPark}) {
    kinds[at++] = kind;
  }
  return kinds;
}();

// A thread fell asleep, or was woken.
struct ThreadSleep {
  std::int64_t ns = 0;
  std::uint64_t thread_id = 0;
  bool asleep = false;
};

// Takes events, steals and the beginnings of parks in the order of time, and knows at any moment
// what they come to. Owned by one thread.
class SchedulerStream {
 public:
  explicit SchedulerStream(std::function<TaskIndex(TaskId)> find_task)
      : find_task_(std::move(find_task)) {}

  // What happens on others counts as of threads that drive no worker.
  void add_worker(store::WorkerId id) { lanes_.try_emplace(id); }
  void add(const store::EventRow& event);
  void add(const store::StealRow& steal);
  void add_park(store::WorkerId worker, std::int64_t ns);

  // Decisions and drives; the workers' other parts are left alone.
  void share_with(Worker& worker, std::int64_t duration_ns) const;
  DecisionTrack outside() const { return outside_.decisions.share(); }
  // Each worker's own queue as it was last heard of, and the global one of each program, added up.
  // A worker that falls asleep has found both empty; one that stops has given its tasks away.
  CounterTrack queued() const { return has_queues_ ? queued_.share() : CounterTrack(); }
  // Of all programs together.
  const std::vector<WorkerCount>& worker_counts() const { return worker_counts_; }
  std::span<const ThreadSleep> sleeps() const { return sleeps_; }

 private:
  struct Lane {
    DecisionBuilder decisions;
    std::vector<Drive> drives;
    bool driven = false;  // some thread drove it before
    bool open = false;    // the last drive has not ended
  };
  struct GlobalQueue {
    std::uint64_t length = 0;
    std::uint64_t workers = 0;  // that have not stopped
  };
  Lane& lane_of(store::WorkerId id);
  void add_decision(const store::EventRow& event, DecisionKind kind);
  void add_drive(const store::EventRow& event);
  void add_queue(store::EventKind kind, store::WorkerId worker, std::int64_t ns, std::uint64_t here,
                 std::uint64_t global);
  void add_worker_count(const store::EventRow& event);

  std::function<TaskIndex(TaskId)> find_task_;
  std::unordered_map<store::WorkerId, Lane> lanes_;
  Lane outside_;
  std::unordered_map<store::WorkerId, std::uint64_t> local_;  // queues of workers that have not
                                                              // stopped
  std::unordered_map<store::ProgramId, GlobalQueue> global_;
  std::uint64_t queued_now_ = 0;
  bool has_queues_ = false;
  CounterBuilder queued_;
  std::unordered_map<store::ProgramId, std::uint64_t> workers_of_;
  std::uint64_t workers_now_ = 0;
  std::vector<WorkerCount> worker_counts_;
  std::vector<ThreadSleep> sleeps_;
};

// The thread that the event is about; 0: none.
std::uint64_t thread_of(const store::EventRow& event);

struct TimedUse {
  TimeRange range;
  StateClass state_class = StateClass::Running;
  ThreadUse use;
};
struct ThreadInput {
  std::span<const ThreadSleep> sleeps;  // by time
  std::span<const Worker> workers;      // by id; they need all but their decisions by then
  std::int64_t duration_ns = 0;
};
// Fills tracks. `by_thread` is what tasks without a worker did on each thread.
void fill_threads(std::vector<Thread>& threads, const ThreadInput& input,
                  std::vector<std::vector<TimedUse>> by_thread, PackedArena& arena);

// When one worker had nothing to run. Rows that overlap, as damage makes them: the later one begins
// when the other ends.
class IdleBuilder {
 public:
  // Each kind by start, and none before those of the last call.
  void add(std::span<const store::ParkRow> parks, std::span<const store::ParkRow> spins,
           PackedArena& arena);
  IdleTimes finish(PackedArena& arena);
  IdleTimes snapshot(PackedArena& rest, KeptMemory& kept) const;

 private:
  TrackBuilder builder_;
  std::size_t parks_ = 0;
  std::size_t spins_ = 0;
  std::int64_t end_ns_ = 0;
};

}  // namespace taskscope::viewer
