#include "viewer/analysis/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <span>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "viewer/analysis/duration_text.h"
#include "viewer/analysis/facts.h"

namespace taskscope::analysis {
namespace {

using store::FindingRow;
using store::Span;
using store::TaskRow;
using store::TaskState;

bool is_main(store::TaskId id) { return store::own_id(id) == kMainTask; }
constexpr std::size_t kDetailBytes = 600;  // of a deadlock's list of waits

// Tasks that were waiting at one place when the recording ended.
struct StuckGroup {
  std::vector<const Span*> spans;
  std::int64_t longest_ns = 0;
  std::int64_t first_ns = 0;
};

// What there is of one program.
struct ProgramInput {
  std::span<const TaskRow> tasks;
  std::span<const Span> open_spans;
  std::span<const store::EventRow> deadlocks;
  std::span<const store::LabelSetId> daemon_sets;
  const std::unordered_set<store::TaskId>& explained;
  const WaitHistory& history;
  const Report& report;
  std::string prefix;  // of summaries: "server: ", or nothing
};

class Finder {
 public:
  Finder(const ProgramInput& input, const FindingLimits& limits) : in_(input), limits_(limits) {
    for (const TaskRow& task : in_.tasks) {
      by_id_.emplace(task.id, &task);
      main_ended_ = main_ended_ || (is_main(task.id) && task.ended_ns.has_value());
    }
  }

  std::vector<FindingRow> run() {
    find_panics();
    // Who sleeps in a deadlock is part of it and no finding of its own.
    if (in_.deadlocks.empty()) {
      find_stuck();
      find_never_ran();
    } else {
      find_deadlock();
    }
    for (FindingRow& row : found_) row.summary = in_.prefix + row.summary;
    return std::move(found_);
  }

 private:
  using GroupKey = WaitHistory::Key;

  void find_panics() {
    for (const TaskRow& task : in_.tasks) {
      if (task.state != TaskState::Panicked) continue;
      FindingRow row;
      row.kind = "panic";
      row.tier = "proved";
      row.severity = "severe";
      row.summary = fmt::format("{}, started at {}, panicked and ended the program.",
                                task_label(task), in_.report.short_place(task.spawn_site_id));
      row.detail = task.panic_message.empty()
                       ? "The program's standard error has the message and the stack."
                       : fmt::format("It said: {}", task.panic_message);
      row.task_id = task.id;
      row.spawn_site_id = task.spawn_site_id;
      row.first_ns = row.last_ns = task.ended_ns.value_or(in_.report.info.duration_ns);
      found_.push_back(std::move(row));
    }
  }

  // Waiting for somebody else, with nobody known who will come.
  static bool can_be_stuck(const Span& span) {
    return span.state == TaskState::Blocked && span.reason != store::BlockReason::Network;
  }

  // A main that has returned will never wake anyone; before that, only what is far longer than
  // usual counts, or tasks that gather.
  bool is_suspect(const GroupKey& key, const StuckGroup& group) const {
    const auto tasks = static_cast<std::int64_t>(group.spans.size());
    const std::int64_t usual_ns = in_.history.usual_ns(std::get<1>(key));
    const std::int64_t long_ns =
        std::max(limits_.stuck_wait,
                 std::min(usual_ns, INT64_MAX / limits_.stuck_factor) * limits_.stuck_factor);
    return main_ended_ || group.longest_ns >= long_ns || tasks >= limits_.stuck_crowd ||
           (tasks >= limits_.stuck_group && in_.history.is_growing(key) &&
            has_newcomers(key, group));
  }

  // Of a pool of workers that comes to rest more wait from look to look, too, but they have been
  // there all the time: the growth must be that of tasks born since the first look.
  bool has_newcomers(const GroupKey& key, const StuckGroup& group) const {
    const WaitHistory::Looks looks = in_.history.looks(key);
    const std::int64_t first_look_ns = in_.history.look_ns(0);
    const auto born_since =
        std::count_if(group.spans.begin(), group.spans.end(), [&](const Span* span) {
          const auto task = by_id_.find(span->task_id);
          return task != by_id_.end() && task->second->created_ns.value_or(0) > first_look_ns;
        });
    return static_cast<std::uint64_t>(born_since) >= looks.back() - looks.front();
  }

  // The program said so: ts::daemon.
  bool is_meant_to_stay(const TaskRow& task) const {
    return std::binary_search(in_.daemon_sets.begin(), in_.daemon_sets.end(), task.label_set_id);
  }

  // The tasks that wait, by where they came from, where they wait and why. The main task and those
  // that are meant to stay wait for reasons of their own unless `with_all`.
  std::map<GroupKey, StuckGroup> waiting_groups(bool with_all) const {
    std::map<GroupKey, StuckGroup> groups;
    for (const Span& span : in_.open_spans) {
      if (!can_be_stuck(span) || (is_main(span.task_id) && !with_all)) continue;
      if (!with_all && in_.explained.contains(span.task_id)) continue;
      const auto task = by_id_.find(span.task_id);
      if (!with_all && task != by_id_.end() && is_meant_to_stay(*task->second)) continue;
      const store::SiteId spawn = task == by_id_.end() ? 0 : task->second->spawn_site_id;
      StuckGroup& group = groups[{spawn, span.site_id, span.reason}];
      group.longest_ns = std::max(group.longest_ns, span.end_ns - span.start_ns);
      group.first_ns =
          group.spans.empty() ? span.start_ns : std::min(group.first_ns, span.start_ns);
      group.spans.push_back(&span);
    }
    return groups;
  }

  void find_stuck() {
    for (const auto& [key, group] : waiting_groups(false)) {
      if (is_suspect(key, group)) found_.push_back(describe(std::get<0>(key), group));
    }
  }

  // Main has returned before these had their turn: probably nobody meant to leave them.
  void find_never_ran() {
    if (!main_ended_) return;
    std::map<store::SiteId, std::vector<const Span*>> by_place;
    for (const Span& span : in_.open_spans) {
      const auto task = by_id_.find(span.task_id);
      if (span.state != TaskState::Runnable || task == by_id_.end()) continue;
      const TaskRow& row = *task->second;
      if (is_meant_to_stay(row)) continue;  // what a daemon starts is one, too
      const bool began = row.state_ns[static_cast<std::size_t>(TaskState::Running)] > 0;
      if (!began && row.created_ns == span.start_ns) by_place[row.spawn_site_id].push_back(&span);
    }
    for (const auto& [place, spans] : by_place) {
      FindingRow row;
      row.kind = "never_ran";
      row.tier = "suspected";
      row.severity = "warning";
      row.count = spans.size();
      row.summary = fmt::format("{} started at {} had not begun to run when main returned.",
                                plural(row.count, "task"), in_.report.short_place(place));
      row.detail =
          "Main did not wait for them: join them, with a WaitGroup that is told of each "
          "task before it is started, or a Scope.";
      row.task_id = spans.front()->task_id;
      add_tasks(spans, row);
      row.spawn_site_id = place;
      row.first_ns = spans.front()->start_ns;
      row.last_ns = spans.front()->end_ns;
      found_.push_back(std::move(row));
    }
  }

  // The runtime itself saw that every task waited and nothing else could wake one: proved.
  void find_deadlock() {
    const store::EventRow& event = in_.deadlocks.front();
    FindingRow row;
    row.kind = "deadlock";
    row.tier = "proved";
    row.severity = "severe";
    row.count = event.arg;
    row.first_ns = row.last_ns = event.ns;
    row.summary =
        event.arg == 1
            ? "The only task left was asleep and nothing could wake it; the program ended itself."
            : fmt::format(
                  "All {} tasks were asleep and nothing could wake them; the program ended "
                  "itself.",
                  event.arg);
    const std::map<GroupKey, StuckGroup> groups = waiting_groups(true);
    for (const auto& [key, group] : groups) {
      const Span& span = *group.spans.front();
      if (row.detail.size() > kDetailBytes) {
        row.detail += " And more.";
        break;
      }
      row.detail += fmt::format(
          "{}{} in {} at {}{}.", row.detail.empty() ? "" : " ",
          group.spans.size() == 1 ? name_of(span.task_id) : plural(group.spans.size(), "task"),
          to_text(span.reason), in_.report.short_place(span.site_id),
          std::get<0>(key) == 0
              ? std::string()
              : fmt::format(", started at {}", in_.report.short_place(std::get<0>(key))));
      if (row.task_id == 0 || is_main(span.task_id)) {
        row.task_id = span.task_id;
        row.object_id = span.object_id;
        row.spawn_site_id = std::get<0>(key);
        row.wait_site_id = span.site_id;
      }
    }
    row.task_ids.push_back(row.task_id);
    for (const auto& [key, group] : groups) add_tasks(group.spans, row);
    found_.push_back(std::move(row));
  }

  static void add_tasks(const std::vector<const Span*>& spans, FindingRow& row) {
    for (const Span* span : spans) {
      if (row.task_ids.size() == FindingRow::kTasksMax) return;
      const bool told = !row.task_ids.empty() && row.task_ids.front() == span->task_id;
      if (!told) row.task_ids.push_back(span->task_id);
    }
  }

  std::string name_of(store::TaskId id) const {
    const auto task = by_id_.find(id);
    return task == by_id_.end() ? fmt::format("task {}", store::own_id(id))
                                : task_label(*task->second);
  }

  FindingRow describe(store::SiteId spawn_site, const StuckGroup& group) const {
    const Span& span = *group.spans.front();
    const auto count = static_cast<std::uint64_t>(group.spans.size());
    FindingRow row;
    row.kind = "leak";
    row.tier = "suspected";
    row.severity = count >= static_cast<std::uint64_t>(limits_.severe_group) ? "severe" : "warning";
    row.summary = fmt::format(
        "{} started at {} {} still blocked in {} at {} when the {} ended; the longest wait was {}.",
        plural(count, "task"), in_.report.short_place(spawn_site), count == 1 ? "was" : "were",
        to_text(span.reason), in_.report.short_place(span.site_id),
        main_ended_ ? "program" : "recording", duration_text(group.longest_ns));
    row.detail = fmt::format(
        "Look for the path on which nobody {} any more. Proof would be that no running task can "
        "still reach the object.",
        waker_verb(span.reason));
    row.task_id = span.task_id;
    add_tasks(group.spans, row);
    row.object_id = span.object_id;
    row.spawn_site_id = spawn_site;
    row.wait_site_id = span.site_id;
    row.count = count;
    row.first_ns = group.first_ns;
    row.last_ns = span.end_ns;
    return row;
  }

  static std::string_view waker_verb(store::BlockReason reason) {
    switch (reason) {
      case store::BlockReason::ChanSend:
        return "receives from the channel";
      case store::BlockReason::ChanRecv:
        return "sends on the channel or closes it";
      case store::BlockReason::Mutex:
      case store::BlockReason::RwMutexRead:
      case store::BlockReason::RwMutexWrite:
        return "unlocks the mutex";
      case store::BlockReason::WaitGroup:
        return "calls done()";
      default:
        return "wakes the task";
    }
  }

  const ProgramInput& in_;
  const FindingLimits& limits_;
  std::unordered_map<store::TaskId, const TaskRow*> by_id_;
  bool main_ended_ = false;
  std::vector<FindingRow> found_;
};

int rank(const FindingRow& row) {
  const int tier = row.tier == "proved" ? 10 : 0;
  return tier + (row.severity == "severe" ? 2 : row.severity == "warning" ? 1 : 0);
}

// The part of `rows`, which are ordered by program, that is of `program`.
template <class Row, class ProgramOf>
std::span<const Row> part_of(const std::vector<Row>& rows, store::ProgramId program,
                             ProgramOf program_of) {
  const auto first = std::partition_point(
      rows.begin(), rows.end(), [&](const Row& row) { return program_of(row) < program; });
  const auto last = std::partition_point(
      first, rows.end(), [&](const Row& row) { return program_of(row) == program; });
  return {first, last};
}

}  // namespace

std::vector<FindingRow> find_endings(const FindingInput& input, const FindingLimits& limits) {
  const auto of_task = [](const TaskRow& row) { return store::program_of(row.id); };
  const auto of_span = [](const Span& span) { return store::program_of(span.task_id); };
  const auto of_event = [](const store::EventRow& row) { return row.program_id; };
  const auto ordered = [](auto rows, const auto& program_of) {
    std::stable_sort(rows.begin(), rows.end(),
                     [&](const auto& a, const auto& b) { return program_of(a) < program_of(b); });
    return rows;
  };
  const std::vector<Span> spans = ordered(input.open_spans, of_span);
  const std::vector<store::EventRow> deadlocks = ordered(input.deadlocks, of_event);
  const std::vector<std::string> names = store::program_names(input.report.info.programs);
  std::vector<FindingRow> found;
  for (store::ProgramId program = 1; program <= std::max<std::size_t>(names.size(), 1); ++program) {
    const ProgramInput part{.tasks = part_of(input.tasks, program, of_task),
                            .open_spans = part_of(spans, program, of_span),
                            .deadlocks = part_of(deadlocks, program, of_event),
                            .daemon_sets = input.daemon_sets,
                            .explained = input.explained,
                            .history = input.history,
                            .report = input.report,
                            .prefix = names.size() > 1 ? names[program - 1] + ": " : ""};
    for (FindingRow& row : Finder(part, limits).run()) found.push_back(std::move(row));
  }
  return found;
}

bool is_worse(const FindingRow& a, const FindingRow& b) {
  return std::tuple(rank(a), a.count) > std::tuple(rank(b), b.count);
}

void order_findings(std::vector<FindingRow>& findings) {
  std::stable_sort(findings.begin(), findings.end(), is_worse);
  for (std::size_t i = 0; i < findings.size(); ++i) {
    findings[i].id = static_cast<std::int64_t>(i) + 1;
  }
}

std::span<const FindingKind> finding_kinds() {
  static constexpr std::array kKinds = {
      FindingKind{"panic", "panic", "an exception escaped a task, or something was misused"},
      FindingKind{"deadlock", "deadlock", "every task waits and nothing can wake one"},
      FindingKind{"self_lock", "deadlock", "a task waits for a lock that it has itself"},
      FindingKind{"lock_deadlock", "deadlock",
                  "tasks wait in a circle for locks that the others have"},
      FindingKind{"abandoned_lock", "deadlock",
                  "tasks wait for a lock whose holder has ended without giving it back"},
      FindingKind{"leak", "leak", "tasks wait for what probably never comes"},
      FindingKind{"never_ran", "leak", "tasks had not begun to run when main returned"},
      FindingKind{"starvation", "scheduler", "tasks that could run wait long for a worker"},
      FindingKind{"idle_worker", "scheduler", "workers sleep while tasks could run"},
      FindingKind{"cpu_hog", "scheduler", "a task runs without a pause while others starve"},
      FindingKind{"blocking_call", "scheduler", "a call keeps its worker while tasks starve"},
      FindingKind{"steal_storm", "scheduler", "workers look for work and hardly find any"},
      FindingKind{"hot_lock", "contention", "tasks spend much of their time waiting for one lock"},
      FindingKind{"lock_convoy", "contention", "there is always a queue for one lock"},
      FindingKind{"long_hold", "contention", "a lock is held for long while others wait"},
      FindingKind{"priority_inversion", "contention",
                  "a lock's holder waits for a worker while others wait for the lock"},
      FindingKind{"futile_wakeups", "contention", "tasks are woken for nothing"},
      FindingKind{"thundering_herd", "contention",
                  "many tasks are woken and one finds something to do"},
      FindingKind{"ping_pong", "pace", "tasks switch more than they work"},
      FindingKind{"spawn_explosion", "pace", "starting the tasks costs more than what they do"},
      FindingKind{"timer_storm", "pace", "timers fire very often or all together"},
      FindingKind{"busy_wait", "pace", "a task asks again and again instead of waiting"},
  };
  return kKinds;
}

std::string_view finding_group(std::string_view kind) {
  for (const FindingKind& known : finding_kinds()) {
    if (known.kind == kind) return known.group;
  }
  return "";
}

bool says_stuck(const FindingRow& row) {
  const std::string_view group = finding_group(row.kind);
  return group == "leak" || group == "deadlock";
}

}  // namespace taskscope::analysis
