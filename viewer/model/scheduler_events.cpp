#include "viewer/model/scheduler_events.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

namespace taskscope::viewer {
namespace {

using store::EventKind;

std::unordered_map<store::WorkerId, std::size_t> index_by_id(std::span<const Worker> workers) {
  std::unordered_map<store::WorkerId, std::size_t> by_id;
  for (std::size_t at = 0; at < workers.size(); ++at) by_id[workers[at].row.id] = at;
  return by_id;
}

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

Decision decision_of(const store::EventRow& event, DecisionKind kind, const SchedulerInput& input) {
  Decision decision{.ns = event.ns, .kind = kind};
  if (kind == DecisionKind::Wake) {
    decision.other = static_cast<std::uint32_t>(std::min<std::uint64_t>(event.arg, UINT32_MAX));
  } else if (kind == DecisionKind::Preempt || kind == DecisionKind::Handoff) {
    decision.task = input.find_task(event.task_id);
  } else {
    decision.amount = event.arg;
  }
  return decision;
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

std::vector<std::vector<Decision>> make_decisions(const SchedulerInput& input) {
  const auto by_id = index_by_id(input.workers);
  std::vector<std::vector<Decision>> out(input.workers.size() + 1);
  const auto of = [&](store::WorkerId id) -> std::vector<Decision>& {
    const auto at = by_id.find(id);
    return at == by_id.end() ? out.back() : out[at->second];
  };
  std::vector<bool> driven(input.workers.size() + 1);
  for (const store::EventRow& event : input.events) {
    const std::optional<DecisionKind> kind = decision_kind(event.kind);
    if (!kind) continue;
    std::vector<Decision>& decisions = of(event.worker_id);
    if (*kind == DecisionKind::Takeover) {
      // Who drives it first took it from nobody.
      const auto at = static_cast<std::size_t>(&decisions - out.data());
      const bool first = !driven[at];
      driven[at] = true;
      if (first) continue;
    }
    decisions.push_back(decision_of(event, *kind, input));
  }
  for (const store::StealRow& steal : input.steals) {
    of(steal.thief)
        .push_back({.ns = steal.ns,
                    .amount = steal.count,
                    .task = input.find_task(steal.task_id),
                    .other = steal.victim,
                    .kind = DecisionKind::Steal});
  }
  return out;
}

std::vector<std::vector<Drive>> make_drives(const SchedulerInput& input) {
  const auto by_id = index_by_id(input.workers);
  std::vector<std::vector<Drive>> out(input.workers.size());
  std::vector<bool> open(input.workers.size());
  for (const store::EventRow& event : input.events) {
    const bool start = event.kind == EventKind::WorkerStart;
    if (!start && event.kind != EventKind::WorkerStop) continue;
    const auto at = by_id.find(event.worker_id);
    if (at == by_id.end()) continue;
    if (open[at->second]) out[at->second].back().end_ns = event.ns;
    open[at->second] = start;
    if (start) out[at->second].push_back({event.ns, input.duration_ns, event.arg});
  }
  return out;
}

CounterTrack make_queued(const SchedulerInput& input) {
  struct Change {
    std::int64_t ns;
    store::WorkerId worker;
    EventKind kind;  // of a queue length, else how the worker ceased to have one
    std::uint64_t here = 0;
    std::uint64_t global = 0;
  };
  std::vector<Change> changes;
  for (const store::EventRow& event : input.events) {
    if (event.kind == EventKind::QueueLength || event.kind == EventKind::WorkerStop) {
      changes.push_back({event.ns, event.worker_id, event.kind, event.arg, event.arg2});
    }
  }
  if (std::none_of(changes.begin(), changes.end(),
                   [](const Change& a) { return a.kind == EventKind::QueueLength; })) {
    return {};
  }
  for (const store::ParkRow& park : input.parks) {
    changes.push_back({park.start_ns, park.worker_id, EventKind::WorkerPark});
  }
  std::stable_sort(changes.begin(), changes.end(),
                   [](const Change& a, const Change& b) { return a.ns < b.ns; });
  std::unordered_map<store::WorkerId, std::uint64_t> local;  // of workers that have not stopped
  std::uint64_t locals = 0;
  struct Global {
    std::uint64_t length = 0;
    std::uint64_t workers = 0;  // that have not stopped
  };
  std::unordered_map<store::ProgramId, Global> global_of;
  std::uint64_t globals = 0;
  std::vector<std::int64_t> ns;
  std::vector<std::uint64_t> values;
  for (const Change& change : changes) {
    Global& global = global_of[store::program_of_worker(change.worker)];
    const auto [found, fresh] = local.try_emplace(change.worker, 0);
    if (fresh) ++global.workers;
    std::uint64_t& here = found->second;
    const bool known = change.kind == EventKind::QueueLength;
    locals += (known ? change.here : 0) - here;
    here = known ? change.here : 0;
    if (change.kind == EventKind::WorkerStop) {
      local.erase(change.worker);
      --global.workers;
    }
    const std::uint64_t before = global.length;
    if (known) global.length = change.global;
    if (change.kind == EventKind::WorkerPark || global.workers == 0) global.length = 0;
    globals += global.length - before;
    if (!values.empty() && values.back() == locals + globals) continue;
    ns.push_back(change.ns);
    values.push_back(locals + globals);
  }
  return {std::move(ns), std::move(values)};
}

std::vector<WorkerCount> make_worker_counts(const SchedulerInput& input) {
  std::vector<WorkerCount> counts;
  std::unordered_map<store::ProgramId, std::uint64_t> of_program;
  std::uint64_t all = 0;
  for (const store::EventRow& event : input.events) {
    if (event.kind != EventKind::WorkerCount) continue;
    std::uint64_t& own = of_program[event.program_id];
    all += event.arg - own;
    own = event.arg;
    counts.push_back({event.ns, all});
  }
  return counts;
}

void fill_threads(std::vector<Thread>& threads, const SchedulerInput& input,
                  std::vector<std::vector<TimedUse>> by_thread, PackedArena& arena) {
  std::unordered_map<std::uint64_t, std::size_t> by_id;
  for (std::size_t at = 0; at < threads.size(); ++at) by_id[threads[at].id] = at;
  std::vector<std::vector<Change>> changes(threads.size());
  for (const store::EventRow& event : input.events) {
    const bool park = event.kind == EventKind::ThreadPark;
    if (!park && event.kind != EventKind::ThreadWake) continue;
    if (const auto at = by_id.find(event.arg); at != by_id.end()) {
      changes[at->second].push_back(
          {event.ns, park ? Change::Park : Change::Wake, store::kNoWorker});
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

IdleTimes make_idle_times(std::span<const store::ParkRow> parks,
                          std::span<const store::ParkRow> spins, PackedArena& arena) {
  IdleTimes idle;
  TrackBuilder builder;
  idle.parks = parks.size();
  idle.spins = spins.size();
  std::size_t park = 0;
  std::size_t spin = 0;
  std::int64_t end_ns = 0;
  while (park < parks.size() || spin < spins.size()) {
    const bool asleep = spin == spins.size() ||
                        (park < parks.size() && parks[park].start_ns < spins[spin].start_ns);
    const store::ParkRow& row = asleep ? parks[park++] : spins[spin++];
    const std::int64_t start_ns = std::max(row.start_ns, end_ns);
    if (row.end_ns <= start_ns) continue;
    end_ns = row.end_ns;
    builder.add({.start_ns = start_ns,
                 .end_ns = end_ns,
                 .state_class = asleep ? StateClass::Sleep : StateClass::Running},
                arena);
  }
  idle.track = builder.finish(arena);
  return idle;
}

}  // namespace taskscope::viewer
