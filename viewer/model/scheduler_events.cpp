#include "viewer/model/scheduler_events.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace taskscope::viewer {
namespace {

using store::EventKind;

std::optional<DecisionKind> decision_kind(EventKind kind) {
  switch (kind) {
    case EventKind::Preempt:
      return DecisionKind::Preempt;
    case EventKind::Handoff:
      return DecisionKind::Handoff;
    case EventKind::WorkerStart:
      return DecisionKind::Takeover;
    case EventKind::WorkerWake:
      return DecisionKind::Wake;
    case EventKind::PollWake:
      return DecisionKind::Poll;
    case EventKind::TimerFire:
      return DecisionKind::Timers;
    default:
      return std::nullopt;
  }
}

// What a thread without a task of its own was in: driving a worker, asleep, or neither.
struct Base {
  TimeRange range;
  store::WorkerId worker = store::kNoWorker;
  bool asleep = false;
};

struct Change {
  enum Kind : std::uint8_t { DriveEnd, Drive, Park, Wake };
  std::int64_t ns;
  Kind kind;
  store::WorkerId worker;
};

// A thread that sleeps without a worker may still be the one that drives it when both wake up.
std::vector<Base> bases(const std::vector<Change>& changes, std::int64_t duration_ns) {
  std::vector<Base> out;
  store::WorkerId worker = store::kNoWorker;
  bool asleep = false;
  for (std::size_t at = 0; at < changes.size(); ++at) {
    const Change& change = changes[at];
    if (change.kind == Change::Drive) {
      worker = change.worker;
      asleep = false;
    } else if (change.kind == Change::DriveEnd && worker == change.worker) {
      worker = store::kNoWorker;
    } else if (change.kind == Change::Park) {
      asleep = true;
    } else if (change.kind == Change::Wake) {
      asleep = false;
    }
    const std::int64_t end = at + 1 < changes.size() ? changes[at + 1].ns : duration_ns;
    if (end <= change.ns || (!asleep && worker == store::kNoWorker)) continue;
    const store::WorkerId driven = asleep ? store::kNoWorker : worker;
    if (!out.empty() && out.back().range.end_ns == change.ns && out.back().worker == driven &&
        out.back().asleep == asleep) {
      out.back().range.end_ns = end;
    } else {
      out.push_back({{change.ns, end}, driven, asleep});
    }
  }
  return out;
}

// Packs a thread's uses, in order and without overlaps.
class UseWriter {
 public:
  UseWriter(std::span<const Worker> workers, PackedArena& arena)
      : workers_(workers), arena_(arena) {}

  void add(const TimedUse& use) {
    const std::int64_t start_ns = std::max(use.range.start_ns, end_ns_);
    if (use.range.end_ns <= start_ns) return;
    builder_.add({.start_ns = start_ns,
                  .end_ns = use.range.end_ns,
                  .payload = worker_number(use.use.worker),
                  .extra = use.use.task + 1,  // kNoTask becomes 0
                  .state_class = use.state_class},
                 arena_);
    end_ns_ = use.range.end_ns;
  }
  void add(const Base& base, std::int64_t end_ns) {
    add({{base.range.start_ns, std::min(base.range.end_ns, end_ns)},
         base.asleep ? StateClass::Sleep : StateClass::Running,
         {.worker = base.worker}});
  }
  Track finish() { return builder_.finish(arena_); }

 private:
  // Its index + 1; 0: none.
  std::uint32_t worker_number(store::WorkerId id) {
    if (id == last_id_) return last_number_;
    const auto at =
        std::lower_bound(workers_.begin(), workers_.end(), id,
                         [](const Worker& a, store::WorkerId value) { return a.row.id < value; });
    last_id_ = id;
    last_number_ = at != workers_.end() && at->row.id == id
                       ? static_cast<std::uint32_t>(at - workers_.begin()) + 1
                       : 0;
    return last_number_;
  }

  std::span<const Worker> workers_;
  PackedArena& arena_;
  TrackBuilder builder_;
  std::int64_t end_ns_ = 0;
  store::WorkerId last_id_ = store::kNoWorker;
  std::uint32_t last_number_ = 0;
};

// While a worker sleeps, or is in a task's call, so is the thread that drives it.
void add_sleeps_and_calls(const Worker& worker, const Drive& drive, std::vector<TimedUse>& out) {
  const auto add = [&](const Track& track, StateClass state_class, const auto& use_of) {
    TrackReader reader(track);
    for (std::size_t at = reader.first_ending_after(drive.start_ns); at < track.size(); ++at) {
      const TrackSpan& span = reader[at];
      if (span.start_ns >= drive.end_ns) break;
      if (span.state_class != state_class) continue;
      out.push_back({{std::max(span.start_ns, drive.start_ns), std::min(span.end_ns, drive.end_ns)},
                     state_class,
                     use_of(span)});
    }
  };
  add(worker.idle.track, StateClass::Sleep,
      [&](const TrackSpan&) { return ThreadUse{.worker = worker.row.id}; });
  add(worker.track, StateClass::Io,
      [](const TrackSpan& span) { return ThreadUse{.task = span.payload}; });
}

}  // namespace

std::uint64_t thread_of(const store::EventRow& event) {
  const bool about = event.kind == EventKind::WorkerStart || event.kind == EventKind::ThreadPark ||
                     event.kind == EventKind::ThreadWake;
  return about ? event.arg : 0;
}

SchedulerStream::Lane& SchedulerStream::lane_of(store::WorkerId id) {
  const auto at = lanes_.find(id);
  return at == lanes_.end() ? outside_ : at->second;
}

void SchedulerStream::add(const store::EventRow& event) {
  if (const std::optional<DecisionKind> kind = decision_kind(event.kind)) {
    add_decision(event, *kind);
  }
  switch (event.kind) {
    case EventKind::WorkerStart:
      return add_drive(event);
    case EventKind::WorkerStop:
      add_drive(event);
      return add_queue(event.kind, event.worker_id, event.ns, 0, 0);
    case EventKind::QueueLength:
      return add_queue(event.kind, event.worker_id, event.ns, event.arg, event.arg2);
    case EventKind::WorkerPark:
      return add_park(event.worker_id, event.ns);
    case EventKind::WorkerCount:
      return add_worker_count(event);
    case EventKind::Steal:
      return add(store::StealRow{.ns = event.ns,
                                 .thief = event.worker_id,
                                 .victim = static_cast<store::WorkerId>(event.arg),
                                 .count = event.arg2,
                                 .task_id = event.task_id});
    case EventKind::ThreadPark:
    case EventKind::ThreadWake:
      return sleeps_.push_back({event.ns, event.arg, event.kind == EventKind::ThreadPark});
    default:
      break;
  }
}

void SchedulerStream::add_decision(const store::EventRow& event, DecisionKind kind) {
  Lane& lane = lane_of(event.worker_id);
  // Who drives it first took it from nobody.
  if (kind == DecisionKind::Takeover && !std::exchange(lane.driven, true)) return;
  Decision decision{.ns = event.ns, .kind = kind};
  if (kind == DecisionKind::Wake) {
    decision.other = static_cast<std::uint32_t>(std::min<std::uint64_t>(event.arg, UINT32_MAX));
  } else if (kind == DecisionKind::Preempt || kind == DecisionKind::Handoff) {
    decision.task = find_task_(event.task_id);
  } else {
    decision.amount = event.arg;
  }
  lane.decisions.add(decision);
}

void SchedulerStream::add(const store::StealRow& steal) {
  lane_of(steal.thief)
      .decisions.add({.ns = steal.ns,
                      .amount = steal.count,
                      .task = find_task_(steal.task_id),
                      .other = steal.victim,
                      .kind = DecisionKind::Steal});
}

void SchedulerStream::add_drive(const store::EventRow& event) {
  Lane& lane = lane_of(event.worker_id);
  if (&lane == &outside_) return;
  if (lane.open) lane.drives.back().end_ns = event.ns;
  lane.open = event.kind == EventKind::WorkerStart;
  if (lane.open) lane.drives.push_back({event.ns, event.ns, event.arg});
}

void SchedulerStream::add_park(store::WorkerId worker, std::int64_t ns) {
  add_queue(EventKind::WorkerPark, worker, ns, 0, 0);
}

void SchedulerStream::add_queue(EventKind kind, store::WorkerId worker, std::int64_t ns,
                                std::uint64_t here, std::uint64_t global) {
  GlobalQueue& queue = global_[store::program_of_worker(worker)];
  const auto [local, fresh] = local_.try_emplace(worker, 0);
  if (fresh) ++queue.workers;
  const bool known = kind == EventKind::QueueLength;
  queued_now_ += here - local->second;
  local->second = here;
  if (kind == EventKind::WorkerStop) {
    local_.erase(local);
    --queue.workers;
  }
  const std::uint64_t before = queue.length;
  if (known) queue.length = global;
  if (kind == EventKind::WorkerPark || queue.workers == 0) queue.length = 0;
  queued_now_ += queue.length - before;
  has_queues_ = has_queues_ || known;
  queued_.add(ns, queued_now_);
}

void SchedulerStream::add_worker_count(const store::EventRow& event) {
  std::uint64_t& own = workers_of_[event.program_id];
  workers_now_ += event.arg - own;
  own = event.arg;
  worker_counts_.push_back({event.ns, workers_now_});
}

void SchedulerStream::share_with(Worker& worker, std::int64_t duration_ns) const {
  const auto at = lanes_.find(worker.row.id);
  if (at == lanes_.end()) return;
  const Lane& lane = at->second;
  worker.decisions = lane.decisions.share();
  worker.drives = lane.drives;
  if (lane.open) worker.drives.back().end_ns = std::max(duration_ns, worker.drives.back().end_ns);
}

void fill_threads(std::vector<Thread>& threads, const ThreadInput& input,
                  std::vector<std::vector<TimedUse>> by_thread, PackedArena& arena) {
  std::unordered_map<std::uint64_t, std::size_t> by_id;
  for (std::size_t at = 0; at < threads.size(); ++at) by_id[threads[at].id] = at;
  std::vector<std::vector<Change>> changes(threads.size());
  for (const ThreadSleep& sleep : input.sleeps) {
    if (const auto at = by_id.find(sleep.thread_id); at != by_id.end()) {
      changes[at->second].push_back(
          {sleep.ns, sleep.asleep ? Change::Park : Change::Wake, store::kNoWorker});
    }
  }
  for (const Worker& worker : input.workers) {
    for (const Drive& drive : worker.drives) {
      const auto at = by_id.find(drive.thread_id);
      if (at == by_id.end()) continue;
      changes[at->second].push_back({drive.start_ns, Change::Drive, worker.row.id});
      changes[at->second].push_back({drive.end_ns, Change::DriveEnd, worker.row.id});
      add_sleeps_and_calls(worker, drive, by_thread[at->second]);
    }
  }
  for (std::size_t at = 0; at < threads.size(); ++at) {
    std::stable_sort(changes[at].begin(), changes[at].end(), [](const Change& a, const Change& b) {
      return a.ns != b.ns ? a.ns < b.ns : a.kind < b.kind;
    });
    std::stable_sort(
        by_thread[at].begin(), by_thread[at].end(),
        [](const TimedUse& a, const TimedUse& b) { return a.range.start_ns < b.range.start_ns; });
    UseWriter writer(input.workers, arena);
    auto use = by_thread[at].begin();
    const auto last = by_thread[at].end();
    for (const Base& base : bases(changes[at], input.duration_ns)) {
      for (; use != last && use->range.start_ns < base.range.end_ns; ++use) {
        writer.add(base, use->range.start_ns);
        writer.add(*use);
      }
      writer.add(base, base.range.end_ns);
    }
    for (; use != last; ++use) writer.add(*use);
    threads[at].track = writer.finish();
  }
}

void IdleBuilder::add(std::span<const store::ParkRow> parks, std::span<const store::ParkRow> spins,
                      PackedArena& arena) {
  parks_ += parks.size();
  spins_ += spins.size();
  std::size_t park = 0;
  std::size_t spin = 0;
  while (park < parks.size() || spin < spins.size()) {
    const bool asleep = spin == spins.size() ||
                        (park < parks.size() && parks[park].start_ns < spins[spin].start_ns);
    const store::ParkRow& row = asleep ? parks[park++] : spins[spin++];
    const std::int64_t start_ns = std::max(row.start_ns, end_ns_);
    if (row.end_ns <= start_ns) continue;
    end_ns_ = row.end_ns;
    builder_.add({.start_ns = start_ns,
                  .end_ns = end_ns_,
                  .state_class = asleep ? StateClass::Sleep : StateClass::Running},
                 arena);
  }
}

IdleTimes IdleBuilder::finish(PackedArena& arena) {
  return {.track = builder_.finish(arena), .parks = parks_, .spins = spins_};
}

IdleTimes IdleBuilder::snapshot(PackedArena& rest, KeptMemory& kept) const {
  return {.track = builder_.snapshot(rest, kept), .parks = parks_, .spins = spins_};
}

}  // namespace taskscope::viewer
