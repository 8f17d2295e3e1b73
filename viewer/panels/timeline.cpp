#include "viewer/panels/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/arrows.h"
#include "viewer/model/format.h"
#include "viewer/model/ruler.h"
#include "viewer/panels/collector_row.h"
#include "viewer/panels/counter_row.h"
#include "viewer/panels/finding_marks.h"
#include "viewer/panels/log_marks.h"
#include "viewer/panels/marks_panel.h"
#include "viewer/panels/region_lanes.h"
#include "viewer/panels/row_labels.h"
#include "viewer/panels/sample_marks.h"
#include "viewer/panels/span_painter.h"
#include "viewer/panels/wait_for_view.h"
#include "viewer/panels/worker_row.h"

namespace taskscope::viewer {
namespace {

constexpr float kSecondHop = 0.5F;      // how strong its arrows are
constexpr double kCollectionReach = 2;  // px: how far from a collection the pointer still means it

void draw_grid(const PanelContext& context, const ViewState& view) {
  const Box rows = context.layout.rows;
  const float top = context.layout.pinned.y0;
  const Ticks ticks = make_ticks(view.time.visible(), static_cast<double>(rows.width()),
                                 static_cast<double>(context.px(120)));
  for (const std::int64_t ns : ticks.instants_ns) {
    const float x = time_x(context, view, ns);
    context.canvas.fill({x, top, x + 1, rows.y1}, context.colors.grid);
  }
  // What lies outside the recording is void.
  const float end = time_x(context, view, context.session.duration_ns());
  const float start = time_x(context, view, 0);
  const ImU32 veil = with_alpha(context.colors.void_color, 0.85F);
  context.canvas.fill({rows.x0, top, std::min(start, rows.x1), rows.y1}, veil);
  context.canvas.fill({std::max(end, rows.x0), top, rows.x1, rows.y1}, veil);
}

// What the picture of a row is asked by: pictures know groups of the session, and sets of tasks.
Row chart_of(const PanelContext& context, Row row, int pad) {
  row.height -= pad;
  const Arrangement& arrangement = *context.input.rows->arrangement();
  if (row.kind == RowKind::TasksHeader && arrangement.filtered()) {
    row.kind = RowKind::TaskSet;
    row.index = Arrangement::kAllSets;
  }
  if (row.kind == RowKind::GroupHeader) {
    const std::uint32_t group = arrangement.sets()[row.index].group;
    if (group == TaskSet::kNoGroup) {
      row.kind = RowKind::TaskSet;
    } else {
      row.index = group;
    }
  }
  return row;
}

void draw_row(const PanelContext& context, const ViewState& view, const Row& row) {
  const Box box = row_box(context, view, row);
  const bool header = row.is_header();
  const bool selected = (row.kind == RowKind::Task && view.selection.task == row.index) ||
                        (row.kind == RowKind::Worker && view.selection.worker == row.index);
  context.canvas.fill(box, selected ? context.colors.raised : context.colors.panel);
  const auto first = view.time.first_column();
  const auto last = first + static_cast<std::int64_t>(std::ceil(box.width()));
  const float pad = header                         ? context.px(kHeaderPadding)
                    : row.has_decisions()          ? context.px(kDecisionLane)
                    : row.kind == RowKind::Counter ? context.px(kCounterPadding)
                                                   : 0;
  const Box spans = above_lanes(row, box);
  const Box body{box.x0, box.y0 + pad, box.x1, spans.y1};
  const Row chart = chart_of(context, row, static_cast<int>(pad) + row.below);
  const RowPicturePtr picture = context.input.pictures->find(chart, view.time.grid(), first, last);
  if (picture != nullptr && row.kind == RowKind::Counter) {
    draw_counter(context, view, *picture, body);
  } else if (picture != nullptr && row.kind == RowKind::Collector) {
    draw_collector(context, view, *picture, body);
  } else if (picture != nullptr) {
    paint_cells(context, view, row, *picture, body);
    draw_regions(context, view, row, *picture, box);
  }
  draw_row_evidence(context, view, row, spans);
  if (row.kind == RowKind::Task) draw_log_marks(context, view, row, spans);
  if (row.kind == RowKind::Worker) {
    const Worker& worker = context.session.workers()[row.index];
    if (picture != nullptr) draw_idle(context, view, *picture, body);
    draw_lost(context, view, worker, body);
  }
  if (row.kind == RowKind::Task || row.kind == RowKind::Worker) {
    draw_sample_marks(context, view, row, body);
  }
  const DecisionTrack* decisions = row_decisions(context.session, row);
  if (decisions != nullptr && picture != nullptr) {
    draw_decisions(context, view, *decisions, *picture, box);
  }
  if (selected) {
    const ImU32 line = with_alpha(context.colors.accent, 0.9F);
    context.canvas.fill({box.x0, box.y0 - 1, box.x1, box.y0}, line);
    context.canvas.fill({box.x0, box.y1, box.x1, box.y1 + 1}, line);
  }
}

// The row of a task, or of the group that it is folded into.
std::optional<Row> row_of(const PanelContext& context, TaskIndex task) {
  const RowList& rows = *context.input.rows;
  if (const auto row = rows.find_task(task)) return row;
  const auto position = rows.arrangement()->position(task);
  if (!position) return std::nullopt;
  const TaskSet& set = rows.arrangement()->set_at(*position);
  const auto index = static_cast<std::uint32_t>(&set - rows.arrangement()->sets().data());
  return set.has_header ? rows.find_row(RowKind::GroupHeader, index) : std::nullopt;
}

// Wake-ups are the colour of text, starts the accent's; the second hop is quieter.
void draw_causes(const PanelContext& context, const ViewState& view,
                 const std::vector<CausalArrow>& arrows) {
  const TimeRange visible = view.time.visible();
  // The nearest hop on top.
  for (std::size_t hop = kArrowHops; hop >= 1; --hop) {
    for (const CausalArrow& arrow : arrows) {
      if (arrow.hop != hop || !visible.contains(arrow.ns)) continue;
      const auto from = row_of(context, arrow.from);
      const auto to = row_of(context, arrow.to);
      if (!from || !to || from->is_same(*to)) continue;
      const float x = time_x(context, view, arrow.ns);
      const ImU32 plain =
          arrow.kind == ArrowKind::Spawn ? context.colors.accent : context.colors.text;
      const ImU32 color = hop == 1 ? plain : with_alpha(plain, kSecondHop);
      draw_arrow(context, above_lanes(*from, row_box(context, view, *from)),
                 above_lanes(*to, row_box(context, view, *to)), x, color);
    }
  }
}

void draw_causes_of(const PanelContext& context, const ViewState& view, const Selection& of) {
  if (of.span != kNoSpan) {
    draw_causes(context, view, causal_arrows(context.session, of.span));
  } else if (of.task != kNoTask) {
    draw_causes(context, view, spawn_arrow(context.session, of.task));
  }
}

void draw_area(const PanelContext& context, const ViewState& view) {
  if (!view.area) return;
  const Box rows = context.layout.rows;
  const float top = rows.y0 - static_cast<float>(std::round(view.scroll_y));
  const Box box{
      time_x(context, view, view.area->time.start_ns), top + static_cast<float>(view.area->top),
      time_x(context, view, view.area->time.end_ns), top + static_cast<float>(view.area->bottom)};
  context.canvas.fill(box, with_alpha(context.colors.accent, 0.18F));
  context.canvas.frame(box, context.colors.accent, context.px(1));
}

// Where rows would be if a filter had not taken all of them.
void draw_nothing_left(const PanelContext& context, const ViewState& view) {
  const RowList& rows = *context.input.rows;
  const Arrangement& arrangement = *rows.arrangement();
  if (!arrangement.filtered() || !arrangement.order().empty() || view.folds.tasks) return;
  if (context.input.answers->arranging() || rows.size() == 0) return;
  const Box last = row_box(context, view, rows.row(rows.size() - 1));
  context.canvas.label(
      context.fonts().text,
      {last.x0 + context.px(12), last.y1 + context.px(8), last.x1, last.y1 + context.px(28)},
      context.colors.muted, "No task matches all filters. Ctrl+Backspace removes the last one.");
}

void draw_scrollbar(const PanelContext& context, const ViewState& view) {
  const Box rows = context.layout.rows;
  const auto content = static_cast<float>(context.input.rows->height());
  if (content <= rows.height()) return;
  const float width = context.px(8);
  const float length = std::max(context.px(24), rows.height() * rows.height() / content);
  const float travel = rows.height() - length;
  const float y = rows.y0 + travel * static_cast<float>(view.scroll_y) / (content - rows.height());
  context.canvas.fill({rows.x1 - width, rows.y0, rows.x1, rows.y1},
                      with_alpha(context.colors.panel, 0.8F));
  context.canvas.fill({rows.x1 - width + 2, std::round(y), rows.x1 - 2, std::round(y + length)},
                      with_alpha(context.colors.muted, view.drag == Drag::Scrollbar ? 0.9F : 0.5F));
}

// What the pointer is on within its row: a span, if it may mean one, and whose.
void find_hovered_span(const PanelContext& context, ViewState& view, bool on_spans) {
  const Row& row = *view.hover_row;
  const float x = std::floor(ImGui::GetIO().MousePos.x) - context.layout.rows.x0;
  const std::int64_t ns = view.time.to_ns(static_cast<double>(x));
  const std::int64_t next_ns = view.time.to_ns(static_cast<double>(x) + 1);
  const auto touched = [&](const Track& track) -> std::optional<std::size_t> {
    if (!on_spans) return std::nullopt;
    TrackReader reader(track);
    const std::size_t inside = reader.first_ending_after(ns);
    const bool hit = inside < track.size() && reader[inside].start_ns < std::max(next_ns, ns + 1);
    return hit ? std::optional(inside) : std::nullopt;
  };
  const TraceSession& session = context.session;
  if (row.kind == RowKind::Worker) {
    view.hover.worker = row.index;
    const Worker& worker = session.workers()[row.index];
    if (const auto span = touched(worker.track))
      view.hover.span = session.worker_span(worker, *span);
  } else if (row.kind == RowKind::Thread) {
    const Thread& thread = session.threads()[row.index];
    view.hover_use = touched(thread.track);
    if (!view.hover_use) return;
    view.hover.span = session.thread_span(thread, *view.hover_use);
    if (view.hover.span == kNoSpan) {
      const TrackSpan use = thread.track[*view.hover_use];
      view.hover.worker = session.find_worker(session.thread_use(use.payload, use.extra).worker);
    }
  } else if (row.kind == RowKind::Collector) {
    const auto reach_ns = static_cast<std::int64_t>(view.time.grid().ns_per_px * kCollectionReach);
    if (on_spans) {
      view.hover.collection =
          session.memory().collection_in({ns - reach_ns, std::max(next_ns, ns + 1) + reach_ns});
    }
  } else if (row.kind == RowKind::Task) {
    const Task& task = session.tasks()[row.index];
    view.hover.task = row.index;
    const ImVec2 mouse = ImGui::GetIO().MousePos;
    const Box box = row_box(context, view, row);
    if (in_lanes(row, box, mouse.y)) {
      if (on_spans) view.hover.region = find_region(context, view, row, box, mouse);
    } else if (const auto span = touched(task.track)) {
      view.hover.span = task.first_span + static_cast<SpanIndex>(*span);
    }
  }
  if (view.hover.span != kNoSpan) view.hover.task = session.span_task(view.hover.span);
}

// A mark means its first sample, and on a worker's row the task that it was for.
void hover_sample(const PanelContext& context, ViewState& view) {
  const SampleTable& samples = context.session.samples();
  const std::uint32_t index = samples.index_at(view.hover_samples->first);
  view.hover.sample = index;
  if (samples[index].task == kNoTask) return;
  view.hover.task = samples[index].task;
  view.hover.worker.reset();
}

}  // namespace

Box row_box(const PanelContext& context, const ViewState& view, const Row& row) {
  const float y = row_top(context, view, row);
  return {context.layout.rows.x0, y, context.layout.rows.x1, y + static_cast<float>(row.height)};
}

float time_x(const PanelContext& context, const ViewState& view, std::int64_t ns) {
  const double x = std::round(view.time.to_px(ns));
  return context.layout.rows.x0 + static_cast<float>(std::clamp(x, -1e5, 1e5));
}

void draw_arrow(const PanelContext& context, const Box& source, const Box& goal, float x,
                ImU32 color) {
  const float y0 = std::round((source.y0 + source.y1) / 2);
  const bool down = goal.y0 > source.y0;
  const float y1 = down ? goal.y0 : goal.y1;
  Canvas& canvas = context.canvas;
  const float half = context.px(4);
  const float direction = down ? 1.0F : -1.0F;
  canvas.fill({x - 1, std::min(y0, y1), x + 1, std::max(y0, y1)}, color);
  canvas.fill({x - half, y0 - half, x + half, y0 + half}, context.colors.panel);
  canvas.frame({x - half, y0 - half, x + half, y0 + half}, color, 2);
  canvas.triangle({x - half - 1, y1 - direction * context.px(6)},
                  {x + half + 1, y1 - direction * context.px(6)}, {x, y1 + direction}, color);
}

float row_top(const PanelContext& context, const ViewState& view, const Row& row) {
  if (row.pinned) return context.layout.pinned.y0 + static_cast<float>(row.y);
  return context.layout.rows.y0 + static_cast<float>(row.y) -
         static_cast<float>(std::round(view.scroll_y));
}

std::pair<std::size_t, std::size_t> visible_rows(const PanelContext& context,
                                                 const ViewState& view) {
  const RowList& rows = *context.input.rows;
  const auto top = static_cast<std::int64_t>(std::round(view.scroll_y));
  const std::size_t first = rows.row_at(top);
  std::size_t last = first;
  const auto bottom = top + static_cast<std::int64_t>(context.layout.rows.height());
  while (last < rows.size() && rows.row(last).y < bottom) ++last;
  return {first, last};
}

std::optional<Row> row_under(const PanelContext& context, const ViewState& view, ImVec2 at) {
  const RowList& rows = *context.input.rows;
  const Box all{0, context.layout.pinned.y0, context.layout.rows.x1, context.layout.rows.y1};
  if (!all.contains(at)) return std::nullopt;
  if (at.y < context.layout.rows.y0) {
    for (const Row& row : rows.pinned()) {
      const float top = row_top(context, view, row);
      if (at.y >= top && at.y < top + static_cast<float>(row.height)) return row;
    }
    return std::nullopt;
  }
  const auto y =
      static_cast<std::int64_t>(at.y - context.layout.rows.y0 + std::round(view.scroll_y));
  const std::size_t index = rows.row_at(y);
  if (index >= rows.size()) return std::nullopt;
  const Row row = rows.row(index);
  return y >= row.y ? std::optional(row) : std::nullopt;
}

void find_hover(const PanelContext& context, ViewState& view) {
  view.hover = {};
  view.hover_row.reset();
  view.hover_use.reset();
  view.hover_decisions.reset();
  view.hover_logs.reset();
  view.hover_samples.reset();
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  if (view.help_open || view.drag != Drag::None || view.picker.kind != PickerKind::None) return;
  if (over_mark_list(context, view) || over_wait_for(context, view)) return;
  const auto under = row_under(context, view, mouse);
  if (!under) return;
  const Row& row = *under;
  view.hover_row = row;
  const bool on_time = mouse.x >= context.layout.rows.x0;
  if (on_time && row.has_decisions()) {
    view.hover_decisions = find_decisions(context, view, row, row_box(context, view, row), mouse);
  }
  if (on_time && row.kind == RowKind::Task) {
    const Box spans = above_lanes(row, row_box(context, view, row));
    view.hover_logs = find_log_lines(context, view, row, spans, mouse);
  }
  const bool of_samples = row.kind == RowKind::Task || row.kind == RowKind::Worker;
  if (on_time && of_samples && !view.hover_decisions && !view.hover_logs) {
    const Box spans = above_lanes(row, row_box(context, view, row));
    view.hover_samples = find_samples(context, view, row, spans, mouse);
  }
  find_hovered_span(context, view,
                    on_time && !view.hover_decisions && !view.hover_logs && !view.hover_samples);
  if (view.hover_samples) hover_sample(context, view);
}

void draw_timeline(const PanelContext& context, ViewState& view) {
  context.input.pictures->begin_frame();
  const auto [first, last] = visible_rows(context, view);
  const Box rows = context.layout.rows;
  const Box pinned = context.layout.pinned;
  if (pinned.height() > 0) {
    context.canvas.push_clip(pinned);
    for (const Row& row : context.input.rows->pinned()) draw_row(context, view, row);
    context.canvas.pop_clip();
  }
  context.canvas.push_clip(rows);
  for (std::size_t at = first; at < last; ++at) {
    draw_row(context, view, context.input.rows->row(at));
  }
  draw_worker_counts(context, view);
  draw_area(context, view);
  draw_nothing_left(context, view);
  context.canvas.pop_clip();
  context.canvas.push_clip({rows.x0, pinned.y0, rows.x1, rows.y1});
  draw_grid(context, view);
  draw_pause_bands(context, view);
  if (pinned.height() > 0) {
    context.canvas.fill({rows.x0, rows.y0 - 1, rows.x1, rows.y0}, context.colors.accent);
  }
  draw_decision_arrows(context, view);
  draw_causes_of(context, view, view.selection);
  if (view.hover != view.selection) draw_causes_of(context, view, view.hover);
  draw_scrollbar(context, view);
  context.canvas.pop_clip();
  draw_row_labels(context, view, first, last);
}

}  // namespace taskscope::viewer
