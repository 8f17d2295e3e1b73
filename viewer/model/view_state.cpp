#include "viewer/model/view_state.h"

#include <algorithm>
#include <utility>

namespace taskscope::viewer {

void ViewState::reset(const TraceSession& session) {
  const bool fresh = rows_dirty && selection.empty() && scroll_y == 0;
  time.set_duration(session.duration_ns());
  // What was dropped to keep a recording short is not worth the width of a window.
  const TimeRange kept{session.info().kept_from_ns, session.duration_ns()};
  if (fresh) time.show(kept.start_ns > 0 && kept.length_ns() > 0 ? kept : time.whole());
  rows_dirty = true;
  area.reset();
  search.hit = kNoHit;
  std::erase_if(pins, [&](const Pin& pin) {
    return (pin.kind == RowKind::Task && pin.index >= session.tasks().size()) ||
           (pin.kind == RowKind::Worker && pin.index >= session.workers().size()) ||
           (pin.kind == RowKind::Thread && pin.index >= session.threads().size());
  });
  selection.span = kNoSpan;
  selection.region.reset();
  if (finding && *finding >= session.findings().size()) finding.reset();
  hover = {};
  hover_row.reset();
  hover_use.reset();
  hover_decisions.reset();
  hover_logs.reset();
}

void add_filter(ViewState& view, const std::string& query) {
  std::vector<std::string>& filters = view.arrangement.filters;
  if (std::find(filters.begin(), filters.end(), query) == filters.end()) filters.push_back(query);
}

std::string filter_text(const std::string& query) {
  const Query parsed = parse_query(query).query;
  const bool without = parsed.terms.size() == 1 && parsed.terms[0].negated;
  return without ? "without tasks: " + query.substr(query.find('-') + 1) : "only tasks: " + query;
}

std::string tasks_like(const Task& task) { return "name:" + quoted_value("=" + task.name); }

void toggle_pin(ViewState& view, const Pin& pin) {
  if (std::erase(view.pins, pin) == 0) view.pins.push_back(pin);
  view.rows_dirty = true;
}

void step_finding(const TraceSession& session, ViewState& view) {
  if (session.findings().empty()) return;
  view.finding = view.finding ? (*view.finding + 1) % session.findings().size() : 0;
  const TaskIndex index = session.find_task(session.findings()[*view.finding].task_id);
  view.selection = {.task = index};
  view.reveal = index;
  if (index == kNoTask) return;
  const Task& task = session.tasks()[index];
  if (task.last_span_unfinished) view.selection.span = task.first_span + task.span_count - 1;
}

const store::FindingRow* shown_finding(const TraceSession& session, const ViewState& view) {
  if (!view.finding || *view.finding >= session.findings().size()) return nullptr;
  const store::FindingRow& finding = session.findings()[*view.finding];
  const bool about = view.selection.task == session.find_task(finding.task_id);
  return about && !view.selection.worker ? &finding : nullptr;
}

std::optional<TrackSpan> selected_region(const TraceSession& session, const ViewState& view) {
  const std::optional<RegionAt>& at = view.selection.region;
  const RegionTracks* tracks = session.annotations().regions_of(view.selection.task);
  if (!at || tracks == nullptr || at->index >= (*tracks)[at->lane].size()) return std::nullopt;
  return (*tracks)[at->lane][at->index];
}

TimeRange with_margin(TimeRange range) {
  const std::int64_t margin = std::max<std::int64_t>(range.length_ns() / 10, 1);
  return {range.start_ns - margin, range.end_ns + margin};
}

}  // namespace taskscope::viewer
