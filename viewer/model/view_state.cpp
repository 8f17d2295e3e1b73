#include "viewer/model/view_state.h"

#include <algorithm>

namespace taskscope::viewer {

void ViewState::reset(const TraceSession& session) {
  const bool fresh = rows_dirty && selection.empty() && scroll_y == 0;
  time.set_duration(session.duration_ns());
  // What was dropped to keep a recording short is not worth the width of a window.
  const TimeRange kept{session.info().kept_from_ns, session.duration_ns()};
  if (fresh) time.show(kept.start_ns > 0 && kept.length_ns() > 0 ? kept : time.whole());
  folds = initial_folds(session);
  rows_dirty = true;
  selection.span = kNoSpan;
  if (finding && *finding >= session.findings().size()) finding.reset();
  hover = {};
  hover_row.reset();
  hover_use.reset();
  hover_decisions.reset();
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

TimeRange with_margin(TimeRange range) {
  const std::int64_t margin = std::max<std::int64_t>(range.length_ns() / 10, 1);
  return {range.start_ns - margin, range.end_ns + margin};
}

}  // namespace taskscope::viewer
