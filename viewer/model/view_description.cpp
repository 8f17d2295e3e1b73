#include "viewer/model/view_description.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/view_state.h"

namespace taskscope::viewer {
namespace {

std::uint64_t group_id(const TraceSession& session, std::uint32_t group) {
  const std::vector<TaskIndex>& tasks = session.groups()[group].tasks;
  return tasks.empty() ? 0 : session.tasks()[tasks.front()].row.id;
}

RowName name_of(const TraceSession& session, const Row& row) {
  switch (row.kind) {
    case RowKind::GroupHeader:
      return {row.kind, group_id(session, row.index)};
    case RowKind::Worker:
      return {row.kind, session.workers()[row.index].row.id};
    case RowKind::Thread:
      return {row.kind, session.threads()[row.index].id};
    case RowKind::Task:
      return {row.kind, session.tasks()[row.index].row.id};
    default:
      return {row.kind, 0};
  }
}

std::optional<std::uint32_t> find_group(const TraceSession& session, store::TaskId first) {
  const TaskIndex task = session.find_task(first);
  if (task == kNoTask) return std::nullopt;
  const std::uint32_t group = session.tasks()[task].group;
  return group_id(session, group) == first ? std::optional(group) : std::nullopt;
}

// Those that `now` has folded and `before` has not.
std::vector<RowName> folded_beyond(const TraceSession& session, const Folds& now,
                                   const Folds& before) {
  std::vector<RowName> names;
  if (now.workers && !before.workers) names.push_back({RowKind::WorkersHeader});
  if (now.threads && !before.threads) names.push_back({RowKind::ThreadsHeader});
  if (now.tasks && !before.tasks) names.push_back({RowKind::TasksHeader});
  for (const std::uint32_t group : now.groups) {
    if (!before.groups.contains(group)) {
      names.push_back({RowKind::GroupHeader, group_id(session, group)});
    }
  }
  return names;
}

void note(std::string& missing, const std::string& what) {
  if (missing.empty()) missing = fmt::format("There is no {} in this recording.", what);
}

void fold(const std::vector<RowName>& names, bool folded, const TraceSession& session, Folds& folds,
          std::string& missing) {
  for (const RowName& name : names) {
    if (name.kind == RowKind::WorkersHeader) folds.workers = folded;
    if (name.kind == RowKind::ThreadsHeader) folds.threads = folded;
    if (name.kind == RowKind::TasksHeader) folds.tasks = folded;
    if (name.kind != RowKind::GroupHeader) continue;
    const auto group = find_group(session, name.id);
    if (!group) {
      note(missing, fmt::format("group that begins with task {}", name.id));
    } else if (folded) {
      folds.groups.insert(*group);
    } else {
      folds.groups.erase(*group);
    }
  }
}

SpanIndex find_span(const TraceSession& session, TaskIndex index, std::int64_t start_ns) {
  const Task& task = session.tasks()[index];
  const std::size_t at = task.track.first_ending_after(start_ns);
  return at < task.track.size() && task.track.start_ns(at) == start_ns
             ? task.first_span + static_cast<SpanIndex>(at)
             : kNoSpan;
}

void select(const ViewDescription& wanted, const TraceSession& session, ViewState& view,
            std::string& missing) {
  view.selection = {};
  if (wanted.task) {
    view.selection.task = session.find_task(*wanted.task);
    if (view.selection.task == kNoTask) {
      note(missing, fmt::format("task {}", *wanted.task));
    } else if (wanted.span_ns && session.stage() == SessionStage::Complete) {
      view.selection.span = find_span(session, view.selection.task, *wanted.span_ns);
      if (view.selection.span == kNoSpan) {
        note(missing,
             fmt::format("span of task {} that begins at {} ns", *wanted.task, *wanted.span_ns));
      }
    }
  }
  if (wanted.worker) {
    view.selection.worker = session.find_worker(*wanted.worker);
    if (!view.selection.worker) note(missing, fmt::format("worker {}", *wanted.worker));
  }
  view.finding.reset();
  if (!wanted.finding) return;
  const auto& findings = session.findings();
  const auto finding =
      std::find_if(findings.begin(), findings.end(),
                   [&](const store::FindingRow& row) { return row.id == *wanted.finding; });
  if (finding == findings.end()) return note(missing, fmt::format("finding {}", *wanted.finding));
  view.finding = static_cast<std::size_t>(finding - findings.begin());
}

}  // namespace

ViewDescription describe(const TraceSession& session, const ViewState& view, const RowList& rows,
                         float scale) {
  ViewDescription out;
  out.range = view.time.target();
  out.theme = view.theme;
  out.left_width = std::round(view.left_width);
  out.drawer_height = std::round(view.drawer_height);
  if (view.measured && view.measured->length_ns() != 0) {
    const auto [start, end] = std::minmax(view.measured->start_ns, view.measured->end_ns);
    out.measured = TimeRange{start, end};
  }
  if (view.selection.task != kNoTask) {
    out.task = session.tasks()[view.selection.task].row.id;
    if (view.selection.span != kNoSpan) {
      out.span_ns = session.span_range(view.selection.span).start_ns;
    }
  }
  if (view.selection.worker) out.worker = session.workers()[*view.selection.worker].row.id;
  if (view.finding) out.finding = session.findings()[*view.finding].id;
  const Folds initial = initial_folds(session);
  out.folded = folded_beyond(session, view.folds, initial);
  out.unfolded = folded_beyond(session, initial, view.folds);
  const auto y = static_cast<std::int64_t>(std::round(view.scroll_y));
  const std::size_t at = rows.row_at(y);
  if (y > 0 && at < rows.rows().size()) {
    const Row& row = rows.rows()[at];
    const auto hidden = static_cast<float>(std::max<std::int64_t>(y - row.y, 0));
    out.top = RowAnchor{name_of(session, row), static_cast<int>(std::lround(hidden / scale))};
  }
  return out;
}

std::string apply(const ViewDescription& wanted, const TraceSession& session, ViewState& view) {
  std::string missing;
  if (wanted.range) view.time.show(*wanted.range);
  if (wanted.theme) view.theme = *wanted.theme;
  if (wanted.left_width) view.left_width = *wanted.left_width;
  if (wanted.drawer_height) view.drawer_height = *wanted.drawer_height;
  view.measured = wanted.measured;
  if (session.stage() == SessionStage::Overview) return missing;
  select(wanted, session, view, missing);
  view.folds = initial_folds(session);
  fold(wanted.folded, true, session, view.folds, missing);
  fold(wanted.unfolded, false, session, view.folds, missing);
  view.rows_dirty = true;
  view.scroll_y = 0;
  view.anchor = wanted.top;
  return missing;
}

std::optional<double> anchored_scroll(const RowAnchor& anchor, const TraceSession& session,
                                      const RowList& rows, float scale) {
  for (const Row& row : rows.rows()) {
    if (row.kind != anchor.row.kind || name_of(session, row) != anchor.row) continue;
    return static_cast<double>(row.y) +
           std::round(static_cast<double>(anchor.offset) * static_cast<double>(scale));
  }
  return std::nullopt;
}

}  // namespace taskscope::viewer
