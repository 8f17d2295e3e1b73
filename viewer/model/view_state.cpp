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
  selection.sample.reset();
  selection.collection.reset();
  profile.zoom.clear();
  profile.chosen.clear();
  hover = {};
  hover_row.reset();
  hover_use.reset();
  hover_decisions.reset();
  hover_logs.reset();
  hover_samples.reset();
}

void add_filter(ViewState& view, const std::string& query) {
  std::vector<std::string>& filters = view.arrangement.filters;
  if (std::find(filters.begin(), filters.end(), query) == filters.end()) filters.push_back(query);
}

RowSamples row_samples(const TraceSession& session, const Selection& of) {
  if (of.task != kNoTask) return session.samples().of_task(of.task);
  return of.worker ? session.samples().of_worker(*of.worker) : RowSamples{};
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

namespace {

// Of what a task did in the range, the longest; of very much, of the first part.
SpanIndex longest_span(const Task& task, TimeRange range) {
  constexpr int kSpansMax = 4'096;
  TrackWalk walk(task.track, range.start_ns - 1);
  SpanIndex at =
      task.first_span + static_cast<SpanIndex>(task.track.first_ending_after(range.start_ns - 1));
  SpanIndex longest = kNoSpan;
  std::int64_t most_ns = -1;
  for (int looked = 0; looked < kSpansMax; ++looked, ++at) {
    const TrackSpan* span = walk.next();
    if (span == nullptr || span->start_ns > range.end_ns) break;
    const std::int64_t within =
        std::min(span->end_ns, range.end_ns) - std::max(span->start_ns, range.start_ns);
    if (within <= most_ns) continue;
    most_ns = within;
    longest = at;
  }
  return longest;
}

}  // namespace

void read_finding(const FindingList& findings, const TraceSession& session, ViewState& view,
                  std::size_t at) {
  view.finding = at;
  view.findings_pane.reveal = true;
  view.finding_news = {};
  const TaskIndex index = findings[at].tasks.empty() ? kNoTask : findings[at].tasks.front();
  view.selection = {.task = index};
  view.reveal = index;
  if (index == kNoTask) return;
  for (const TaskEvidence& evidence : findings.of_task(index)) {
    if (evidence.finding != at) continue;
    view.selection.span = longest_span(session.tasks()[index], evidence.when);
  }
}

const ShownFinding* shown_finding(const FindingList& findings, const ViewState& view) {
  if (!view.finding || *view.finding >= findings.size() || view.selection.worker) return nullptr;
  const ShownFinding& finding = findings[*view.finding];
  if (view.selection.task == kNoTask) return finding.tasks.empty() ? &finding : nullptr;
  const auto of_task = findings.of_task(view.selection.task);
  const bool about = std::any_of(of_task.begin(), of_task.end(), [&](const TaskEvidence& evidence) {
    return evidence.finding == *view.finding;
  });
  return about ? &finding : nullptr;
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
