#include "viewer/model/findings.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "viewer/analysis/findings.h"
#include "viewer/model/format.h"

namespace taskscope::viewer {
namespace {

constexpr std::size_t kTasksBetweenLooks = 256;  // at whether to stop

// "lock_convoy" → "Lock convoy".
std::string title_of(std::string kind) {
  std::replace(kind.begin(), kind.end(), '_', ' ');
  if (!kind.empty()) kind[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(kind[0])));
  return kind;
}

FindingWeight weight_of(std::string_view severity) {
  if (severity == "severe") return FindingWeight::Severe;
  return severity == "info" ? FindingWeight::Info : FindingWeight::Warning;
}

ShownFinding shown(const TraceSession& session, store::FindingRow row) {
  ShownFinding out;
  out.title = title_of(row.kind);
  out.group = analysis::finding_group(row.kind);
  out.weight = weight_of(row.severity);
  out.proved = row.tier == "proved";
  const std::int64_t duration = session.duration_ns();
  out.when.start_ns = std::clamp<std::int64_t>(row.first_ns, 0, duration);
  out.when.end_ns = std::clamp(row.last_ns, out.when.start_ns, duration);
  const auto add = [&](TaskId id) {
    const TaskIndex task = session.find_task(id);
    const bool told = !out.tasks.empty() && out.tasks.front() == task;
    if (task != kNoTask && !told) out.tasks.push_back(task);
  };
  out.whole = out.when;
  add(row.task_id);
  for (const TaskId id : row.task_ids) add(id);
  out.row = std::move(row);
  return out;
}

// Who else is in them, where the check did not say: who is stuck like the example, and who waited
// for the object.
class Members {
 public:
  Members(const TraceSession& session, std::vector<ShownFinding>& findings)
      : session_(session), findings_(findings) {
    for (std::uint32_t at = 0; at < findings.size(); ++at) {
      const store::FindingRow& row = findings[at].row;
      if (!row.task_ids.empty()) continue;
      if (analysis::says_stuck(row)) {
        stuck_.push_back(at);
      } else if (row.object_id != 0) {
        of_objects_.push_back(at);
      }
    }
  }

  bool none() const { return stuck_.empty() && of_objects_.empty(); }

  void look_at(TaskIndex index) {
    const Task& task = session_.tasks()[index];
    if (task.track.empty()) return;
    if (task.last_span_unfinished && !stuck_.empty()) {
      const SpanDetail& last = session_.detail(task.track[task.track.size() - 1].payload);
      for (const std::uint32_t at : stuck_) {
        if (last.state != store::TaskState::Blocked) break;
        if (is_stuck_in(findings_[at].row, task, last.site_id)) add(at, index);
      }
    }
    if (!of_objects_.empty()) look_at_waits(index);
  }

 private:
  void add(std::uint32_t finding, TaskIndex task) {
    std::vector<TaskIndex>& tasks = findings_[finding].tasks;
    const bool example = !tasks.empty() && tasks.front() == task;
    if (!example && (tasks.empty() || tasks.back() != task)) tasks.push_back(task);
  }

  void look_at_waits(TaskIndex index) {
    std::int64_t from_ns = INT64_MAX;
    std::int64_t to_ns = INT64_MIN;
    for (const std::uint32_t at : of_objects_) {
      from_ns = std::min(from_ns, findings_[at].when.start_ns);
      to_ns = std::max(to_ns, findings_[at].when.end_ns);
    }
    TrackWalk walk(session_.tasks()[index].track, from_ns - 1);
    while (const TrackSpan* span = walk.next()) {
      if (span->start_ns > to_ns) break;
      for (const std::uint32_t at : findings_of(span->payload)) {
        const TimeRange& when = findings_[at].when;
        if (span->start_ns <= when.end_ns && span->end_ns >= when.start_ns) add(at, index);
      }
    }
  }

  // Of what a span waits for, found once for each payload.
  const std::vector<std::uint32_t>& findings_of(std::uint32_t payload) {
    const auto [known, fresh] = by_payload_.try_emplace(payload);
    if (!fresh) return known->second;
    const SpanDetail& detail = session_.detail(payload);
    const store::ObjectRow* object =
        detail.state == store::TaskState::Blocked ? session_.find_object(detail) : nullptr;
    for (const std::uint32_t at : of_objects_) {
      if (object != nullptr && object->id == findings_[at].row.object_id) {
        known->second.push_back(at);
      }
    }
    return known->second;
  }

  const TraceSession& session_;
  std::vector<ShownFinding>& findings_;
  std::vector<std::uint32_t> stuck_;
  std::vector<std::uint32_t> of_objects_;
  std::unordered_map<std::uint32_t, std::vector<std::uint32_t>> by_payload_;
};

// Of a task that is stuck, the wait in which it is; of others what lies in the finding's time.
TimeRange evidence_range(const TraceSession& session, const ShownFinding& finding,
                         TaskIndex index) {
  const Task& task = session.tasks()[index];
  if (task.track.empty()) return finding.when;
  if (analysis::says_stuck(finding.row) && task.last_span_unfinished) {
    const TrackSpan last = task.track[task.track.size() - 1];
    return {last.start_ns, last.end_ns};
  }
  // What a task does just now is no span while it is recorded.
  const std::int64_t end = task.row.ended_ns ? task.track.end_ns() : session.duration_ns();
  const std::int64_t start = std::max(finding.when.start_ns, task.track.start_ns());
  return {start, std::max(std::min(finding.when.end_ns, end), start)};
}

std::string places_text(const TraceSession& session, const ShownFinding& finding) {
  const auto place = [&](const char* what, store::SiteId id) {
    const store::SiteRow* site = session.find_site(id);
    if (site == nullptr) return std::string();
    return fmt::format("{}: {}:{}{}\n", what, site->file, site->line,
                       site->function.empty() ? "" : " in " + site->function);
  };
  return place("Started at", finding.row.spawn_site_id) +
         place("Waits at", finding.row.wait_site_id);
}

}  // namespace

FindingList::FindingList(const TraceSession& session, std::vector<store::FindingRow> rows,
                         const std::atomic<bool>& stop)
    : task_count_(session.tasks().size()) {
  findings_.reserve(rows.size());
  for (store::FindingRow& row : rows) findings_.push_back(shown(session, std::move(row)));
  if (Members members(session, findings_); !members.none()) {
    for (TaskIndex task = 0; task < session.tasks().size(); ++task) {
      if (task % kTasksBetweenLooks == 0 && stop.load(std::memory_order_relaxed)) break;
      members.look_at(task);
    }
  }
  for (std::uint32_t at = 0; at < findings_.size(); ++at) {
    ShownFinding& finding = findings_[at];
    for (const store::FindingRow::Holder& known : finding.row.holders) {
      const TaskIndex task = session.find_task(known.task_id);
      const TaskIndex holder = session.find_task(known.holder_id);
      if (task != kNoTask && holder != kNoTask) holders_.emplace_back(task, holder);
    }
    for (const TaskIndex task : finding.tasks) {
      const TimeRange when = evidence_range(session, finding, task);
      evidence_.push_back({task, at, when});
      if (!analysis::says_stuck(finding.row)) continue;
      finding.whole = {std::min(finding.whole.start_ns, when.start_ns),
                       std::max(finding.whole.end_ns, when.end_ns)};
    }
  }
  std::sort(holders_.begin(), holders_.end());
  std::sort(evidence_.begin(), evidence_.end(), [](const auto& a, const auto& b) {
    return std::pair(a.task, a.finding) < std::pair(b.task, b.finding);
  });
}

std::span<const TaskEvidence> FindingList::of_task(TaskIndex task) const {
  const auto [first, last] = std::equal_range(
      evidence_.begin(), evidence_.end(), TaskEvidence{.task = task, .when = {}},
      [](const TaskEvidence& a, const TaskEvidence& b) { return a.task < b.task; });
  return {first, last};
}

TaskIndex FindingList::holder_of(TaskIndex task) const {
  const auto at = std::lower_bound(holders_.begin(), holders_.end(), std::pair(task, TaskIndex{0}));
  return at != holders_.end() && at->first == task ? at->second : kNoTask;
}

std::optional<std::size_t> FindingList::find_same(const store::FindingRow& row) const {
  const auto key = [](const store::FindingRow& of) {
    const bool placed = of.spawn_site_id != 0 || of.wait_site_id != 0 || of.object_id != 0;
    return std::tuple(std::string_view(of.kind), of.spawn_site_id, of.wait_site_id, of.object_id,
                      placed ? TaskId{0} : of.task_id);
  };
  for (std::size_t at = 0; at < findings_.size(); ++at) {
    if (key(findings_[at].row) == key(row)) return at;
  }
  return std::nullopt;
}

bool is_stuck_in(const store::FindingRow& row, const Task& task, store::SiteId wait_site) {
  if (!analysis::says_stuck(row)) return false;
  // In a deadlock, which is of a whole program, everybody is.
  const bool whole_program = row.kind == "deadlock";
  if (whole_program) return store::program_of(row.task_id) == store::program_of(task.row.id);
  const bool same_place = row.spawn_site_id != 0 && row.wait_site_id != 0 &&
                          row.spawn_site_id == task.row.spawn_site_id &&
                          row.wait_site_id == wait_site;
  return same_place || row.task_id == task.row.id;
}

std::string counts_text(const FindingList& findings) {
  std::size_t proved = 0;
  std::size_t severe = 0;
  for (const ShownFinding& finding : findings) {
    if (finding.proved) {
      ++proved;
    } else if (finding.weight == FindingWeight::Severe) {
      ++severe;
    }
  }
  const std::size_t rest = findings.size() - proved - severe;
  std::string text;
  const auto put = [&](std::size_t count, const char* word) {
    if (count > 0) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, word);
  };
  put(proved, "proved");
  put(severe, "severe");
  put(rest, "suspected");
  return text;
}

bool passes(const ShownFinding& finding, std::string_view filter) {
  if (filter.empty()) return true;
  if (filter == "proved") return finding.proved;
  if (filter == "severe") return finding.weight == FindingWeight::Severe;
  return finding.group == filter;
}

std::vector<FindingFilter> finding_filters(const FindingList& findings) {
  std::vector<FindingFilter> filters{{"", findings.size()}};
  const auto offer = [&](std::string_view word) {
    for (const FindingFilter& there : filters) {
      if (there.word == word) return;
    }
    const auto count = static_cast<std::size_t>(
        std::count_if(findings.begin(), findings.end(),
                      [&](const ShownFinding& finding) { return passes(finding, word); }));
    if (count > 0 && count < findings.size()) filters.push_back({std::string(word), count});
  };
  offer("proved");
  offer("severe");
  for (const analysis::FindingKind& kind : analysis::finding_kinds()) offer(kind.group);
  return filters;
}

bool is_finding_filter(std::string_view word) {
  if (word.empty() || word == "proved" || word == "severe") return true;
  const auto kinds = analysis::finding_kinds();
  return std::any_of(kinds.begin(), kinds.end(),
                     [&](const analysis::FindingKind& kind) { return kind.group == word; });
}

std::string when_text(const ShownFinding& finding) {
  const std::int64_t length = finding.when.length_ns();
  if (length <= 0) return "at " + duration_text(finding.when.start_ns);
  return fmt::format("{} – {}, {} long", duration_text(finding.when.start_ns),
                     duration_text(finding.when.end_ns), duration_text(length));
}

std::string tier_text(const ShownFinding& finding) {
  return fmt::format("{}, {}", finding.row.tier, finding.row.severity);
}

std::string finding_text(const TraceSession& session, const ShownFinding& finding) {
  std::string text =
      fmt::format("{} ({})\n{}\n", finding.title, tier_text(finding), finding.row.summary);
  if (!finding.row.detail.empty()) text += finding.row.detail + "\n";
  text += "When: " + when_text(finding) + "\n";
  if (!finding.tasks.empty()) {
    constexpr std::size_t kTold = 10;
    text += finding.tasks.size() == 1 ? "Task: " : "Tasks: ";
    for (std::size_t at = 0; at < std::min(finding.tasks.size(), kTold); ++at) {
      text += (at == 0 ? "" : ", ") + numbered_label(session.tasks()[finding.tasks[at]]);
    }
    if (finding.tasks.size() > kTold) {
      text += fmt::format(" and {} more", count_text(finding.tasks.size() - kTold));
    }
    text += "\n";
  }
  text += places_text(session, finding);
  return text + "In: " + session.path() + "\n";
}

std::string numbered_label(const Task& task) {
  const std::string number = std::to_string(store::own_id(task.row.id));
  const bool has_it = task.label.size() > number.size() && task.label.ends_with(" " + number);
  if (has_it) return task.label;
  // A name that ends in a number is none with another one behind it.
  const bool counts =
      !task.label.empty() && std::isdigit(static_cast<unsigned char>(task.label.back())) != 0;
  return task.label + (counts ? " (" + number + ")" : " " + number);
}

TimeRange finding_view(const ShownFinding& finding, std::int64_t duration_ns) {
  const TimeRange& whole = finding.whole;
  const std::int64_t margin = std::max(whole.length_ns() / 4, duration_ns / 40);
  return {std::max<std::int64_t>(whole.start_ns - margin, 0),
          std::max(std::min(whole.end_ns + margin, duration_ns + duration_ns / 100),
                   whole.start_ns + 1)};
}

}  // namespace taskscope::viewer
