#include "viewer/analysis/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <map>
#include <span>
#include <utility>

#include "runtime/trace_format/daemon_label.h"
#include "viewer/analysis/facts.h"
#include "viewer/analysis/findings.h"
#include "viewer/analysis/leaks.h"
#include "viewer/analysis/lock_waits.h"
#include "viewer/analysis/rates.h"
#include "viewer/analysis/starvation.h"
#include "viewer/analysis/wait_history.h"

namespace taskscope::analysis {
namespace {

using store::Span;
using store::TaskState;

// Durations in steps of 1/32 of their power of two: exact enough for percentiles, fixed in size.
class DurationHistogram {
 public:
  void add(std::int64_t ns) {
    ++counts_[bucket(static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)))];
    ++total_;
    max_ = std::max(max_, ns);
  }
  // The upper edge of the bucket that holds the given share of all durations; 0 when empty.
  std::int64_t percentile(double share) const {
    if (total_ == 0) return 0;
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_ - 1));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > wanted) return std::min(upper_edge(i), max_);
    }
    return max_;
  }
  std::int64_t max() const { return max_; }

 private:
  static constexpr unsigned kStepBits = 5;

  static std::size_t bucket(std::uint64_t ns) {
    if (ns < (1u << kStepBits)) return ns;
    const auto shift = static_cast<unsigned>(std::bit_width(ns)) - 1 - kStepBits;
    return (std::size_t{shift} << kStepBits) + (ns >> shift);
  }
  static std::int64_t upper_edge(std::size_t index) {
    if (index < (2u << kStepBits)) return static_cast<std::int64_t>(index);
    const std::size_t shift = (index >> kStepBits) - 1;
    const std::uint64_t mantissa = index - (shift << kStepBits);
    return static_cast<std::int64_t>(((mantissa + 1) << shift) - 1);
  }

  std::array<std::uint64_t, 60u << kStepBits> counts_{};
  std::uint64_t total_ = 0;
  std::int64_t max_ = 0;
};

// Everything that one pass over the spans gathers.
struct SpanTotals {
  std::map<std::pair<store::SiteId, store::BlockReason>, BlockingRow> blocking;
  std::vector<Span> open;
  DurationHistogram runnable;

  void add(const Span& span) {
    const std::int64_t duration = span.end_ns - span.start_ns;
    if (span.state == TaskState::Runnable) runnable.add(duration);
    if (!span.finished) open.push_back(span);
    if (span.state != TaskState::Blocked && span.state != TaskState::Sleeping) return;
    BlockingRow& row = blocking[{span.site_id, span.reason}];
    row.site_id = span.site_id;
    row.reason = span.reason;
    ++row.waits;
    row.total_ns += duration;
    row.max_ns = std::max(row.max_ns, duration);
    row.unfinished += span.finished ? 0 : 1;
  }
};

// Everything that one pass over the tasks gathers.
struct TaskTotals {
  store::StateTimes state_ns{};
  std::unordered_map<store::SiteId, SpawnRow> spawns;
  std::vector<store::TaskRow> of_interest;  // that endings can be about; and main tasks

  void add(store::TaskRow&& task) {
    for (std::size_t s = 0; s < store::kSpanStates; ++s) state_ns[s] += task.state_ns[s];
    SpawnRow& row = spawns[task.spawn_site_id];
    row.site_id = task.spawn_site_id;
    ++row.tasks;
    row.unfinished += task.ended_ns ? 0 : 1;
    const auto time = [&](TaskState state) {
      return task.state_ns[static_cast<std::size_t>(state)];
    };
    row.running_ns += time(TaskState::Running);
    row.runnable_ns += time(TaskState::Runnable);
    row.waiting_ns +=
        time(TaskState::Blocked) + time(TaskState::Sleeping) + time(TaskState::Syscall);
    const bool can_be_found = !task.ended_ns || task.state == TaskState::Panicked;
    if (can_be_found || task.parent_id == 0) of_interest.push_back(std::move(task));
  }

  // Most tasks first.
  std::vector<SpawnRow> spawn_rows() const {
    std::vector<SpawnRow> sorted;
    sorted.reserve(spawns.size());
    for (const auto& [site, row] : spawns) sorted.push_back(row);
    std::sort(sorted.begin(), sorted.end(), [](const SpawnRow& a, const SpawnRow& b) {
      return std::pair(b.tasks, a.site_id) < std::pair(a.tasks, b.site_id);
    });
    return sorted;
  }
};

}  // namespace

std::string Report::place(store::SiteId id) const {
  const auto it = sites.find(id);
  if (id == 0 || it == sites.end()) return "unknown place";
  return fmt::format("{}:{}", it->second.file, it->second.line);
}

std::string Report::short_place(store::SiteId id) const { return short_place_of(place(id)); }

std::string short_place_of(const std::string& full) {
  std::size_t at = full.size();
  for (int i = 0; i < 3 && at != std::string::npos && at > 0; ++i) at = full.rfind('/', at - 1);
  return at == std::string::npos || at == 0 ? full : full.substr(at + 1);
}

namespace {

// One pass over the spans and the events that checks want.
Result<void> read_spans(const store::Reader& reader, const Facts& facts,
                        const ReportOptions& options, SpanTotals& totals, WaitHistory& history,
                        std::span<Check* const> checks) {
  std::vector<Span> spans;
  std::vector<store::EventRow> events;
  const std::vector<store::ChunkSummary>& chunks = facts.chunks();
  const auto spawn_site = [&facts](store::TaskId task) { return facts.spawn_site(task); };
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    spans.clear();
    events.clear();
    auto read = reader.read_spans_and_events(chunks[i].id, Rates::kKinds, spans, events, {});
    if (!read) return read.error();
    for (const Span& span : spans) {
      totals.add(span);
      if (span.state == TaskState::Blocked) history.add(span, spawn_site);
    }
    for (Check* check : checks) check->add(spans, events);
    const double done = static_cast<double>(i + 1) / static_cast<double>(chunks.size());
    if (options.on_progress && !options.on_progress(done)) {
      return Error{"The look at " + reader.path() + " was ended before it was complete."};
    }
  }
  return {};
}

void fill_waits(const SpanTotals& totals, Report& report) {
  for (const auto& [key, row] : totals.blocking) report.top_blocking.push_back(row);
  std::stable_sort(report.top_blocking.begin(), report.top_blocking.end(),
                   [](const auto& a, const auto& b) { return a.total_ns > b.total_ns; });
  report.runnable_p50_ns = totals.runnable.percentile(0.50);
  report.runnable_p99_ns = totals.runnable.percentile(0.99);
  report.runnable_max_ns = totals.runnable.max();
}

Result<void> read_entities(const store::Reader& reader, Report& report) {
  report.info = reader.info();
  auto sites = reader.sites();
  if (!sites) return sites.error();
  for (store::SiteRow& site : *sites) report.sites.emplace(site.id, std::move(site));
  auto workers = reader.workers();
  if (!workers) return workers.error();
  report.workers = std::move(*workers);
  return {};
}

}  // namespace

namespace {

Result<CallProfile> read_calls(const store::Reader& reader, std::size_t rows_max) {
  CallProfile calls;
  if (rows_max == 0) return calls;
  const auto samples = store::sample_count(reader);
  if (!samples) return samples.error();
  calls.samples = *samples;
  if (calls.samples > 0) {
    auto functions = store::cpu_functions(reader, rows_max);
    if (!functions) return functions.error();
    calls.functions = std::move(*functions);
  }
  auto waits = store::stack_waits(reader, rows_max);
  if (!waits) return waits.error();
  calls.waits = std::move(*waits);
  return calls;
}

}  // namespace

Result<Report> build_report(const store::Reader& reader, const ReportOptions& options) {
  Report report;
  if (auto read = read_entities(reader, report); !read) return read.error();
  Starvation starvation(options.limits);
  LockWaits lock_waits(options.limits);
  Rates rates(options.limits, report.info.duration_ns);
  const std::array<Check*, 3> checks = {&starvation, &lock_waits, &rates};
  Facts facts(reader, report, options.limits.idle_stretch);
  TaskTotals tasks;
  auto read = reader.each_task([&](store::TaskRow&& task) {
    facts.add(task);
    rates.add(task);
    tasks.add(std::move(task));
  });
  if (read) read = facts.read_rest();
  SpanTotals totals;
  WaitHistory history(report.info.duration_ns);
  if (read) read = read_spans(reader, facts, options, totals, history, checks);
  if (!read) return read.error();
  report.state_ns = tasks.state_ns;
  report.top_spawns = tasks.spawn_rows();
  fill_waits(totals, report);
  auto annotations = read_annotations(reader);
  if (!annotations) return annotations.error();
  report.annotations = std::move(*annotations);
  auto memory = read_memory(reader);
  if (!memory) return memory.error();
  report.memory = std::move(*memory);
  auto calls = read_calls(reader, options.calls_max);
  if (!calls) return calls.error();
  report.calls = std::move(*calls);
  const auto deadlocks = reader.events_of(store::EventKind::Deadlock);
  if (!deadlocks) return deadlocks.error();
  const auto daemon_sets = reader.label_sets_with(trace_format::kDaemonLabel);
  if (!daemon_sets) return daemon_sets.error();
  const auto leak_rows = reader.leaks();
  if (!leak_rows) return leak_rows.error();
  LeakFindings leaks = find_leaks({.leaks = *leak_rows,
                                   .tasks = tasks.of_interest,
                                   .open_spans = totals.open,
                                   .deadlocks = *deadlocks,
                                   .daemon_sets = *daemon_sets,
                                   .facts = facts,
                                   .limits = options.limits});
  report.findings = find_endings({.tasks = tasks.of_interest,
                                  .open_spans = totals.open,
                                  .deadlocks = *deadlocks,
                                  .daemon_sets = *daemon_sets,
                                  .explained = leaks.explained,
                                  .history = history,
                                  .report = report},
                                 options.limits);
  std::move(leaks.rows.begin(), leaks.rows.end(), std::back_inserter(report.findings));
  for (Check* check : checks) {
    if (auto finished = check->finish(facts, report.findings); !finished) return finished.error();
  }
  std::erase_if(report.findings, [&](const store::FindingRow& row) {
    return finding_group(row.kind) == "contention" && leaks.locks.contains(row.object_id);
  });
  order_findings(report.findings);
  report.info.findings = report.findings.size();
  return report;
}

}  // namespace taskscope::analysis
