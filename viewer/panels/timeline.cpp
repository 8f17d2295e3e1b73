#include "viewer/panels/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/model/ruler.h"
#include "viewer/panels/row_labels.h"
#include "viewer/panels/span_painter.h"
#include "viewer/panels/worker_row.h"

namespace taskscope::viewer {
namespace {

void draw_grid(const PanelContext& context, const ViewState& view) {
  const Box rows = context.layout.rows;
  const Ticks ticks = make_ticks(view.time.visible(), static_cast<double>(rows.width()),
                                 static_cast<double>(context.px(120)));
  for (const std::int64_t ns : ticks.instants_ns) {
    const float x = time_x(context, view, ns);
    context.canvas.fill({x, rows.y0, x + 1, rows.y1}, context.colors.grid);
  }
  // What lies outside the recording is void.
  const float end = time_x(context, view, context.session.duration_ns());
  const float start = time_x(context, view, 0);
  const ImU32 veil = with_alpha(context.colors.void_color, 0.85F);
  context.canvas.fill({rows.x0, rows.y0, std::min(start, rows.x1), rows.y1}, veil);
  context.canvas.fill({std::max(end, rows.x0), rows.y0, rows.x1, rows.y1}, veil);
}

void draw_row(const PanelContext& context, const ViewState& view, const Row& row) {
  const Box box = row_box(context, view, row);
  const bool header = row.is_header();
  const bool selected = (row.kind == RowKind::Task && view.selection.task == row.index) ||
                        (row.kind == RowKind::Worker && view.selection.worker == row.index);
  context.canvas.fill(box, selected ? context.colors.raised : context.colors.panel);
  const auto first = view.time.first_column();
  const auto last = first + static_cast<std::int64_t>(std::ceil(box.width()));
  const float pad = header                ? context.px(kHeaderPadding)
                    : row.has_decisions() ? context.px(kDecisionLane)
                                          : 0;
  const Box body{box.x0, box.y0 + pad, box.x1, box.y1};
  Row chart = row;
  chart.height -= static_cast<int>(pad);
  const RowPicturePtr picture = context.input.pictures->find(chart, view.time.grid(), first, last);
  if (picture != nullptr) {
    paint_cells(context, view, row, *picture, body);
  }
  if (row.kind == RowKind::Worker) {
    const Worker& worker = context.session.workers()[row.index];
    if (picture != nullptr) draw_idle(context, view, *picture, body);
    draw_lost(context, view, worker, body);
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

void draw_wake_arrow(const PanelContext& context, const ViewState& view, SpanIndex span) {
  const SpanIndex waker = context.session.waker_span(span);
  if (waker == kNoSpan) return;
  const Row* from = context.input.rows->find_task(context.session.span_task(waker));
  const Row* to = context.input.rows->find_task(context.session.span_task(span));
  if (from == nullptr || to == nullptr || from == to) return;
  draw_arrow(context, row_box(context, view, *from), row_box(context, view, *to),
             time_x(context, view, context.session.span_range(span).end_ns));
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
  } else if (row.kind == RowKind::Task) {
    const Task& task = session.tasks()[row.index];
    view.hover.task = row.index;
    if (const auto span = touched(task.track)) {
      view.hover.span = task.first_span + static_cast<SpanIndex>(*span);
    }
  }
  if (view.hover.span != kNoSpan) view.hover.task = session.span_task(view.hover.span);
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

void draw_arrow(const PanelContext& context, const Box& source, const Box& goal, float x) {
  const float y0 = std::round((source.y0 + source.y1) / 2);
  const bool down = goal.y0 > source.y0;
  const float y1 = down ? goal.y0 : goal.y1;
  const ImU32 color = context.colors.text;
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
  while (last < rows.rows().size() && rows.rows()[last].y < bottom) ++last;
  return {first, last};
}

void find_hover(const PanelContext& context, ViewState& view) {
  view.hover = {};
  view.hover_row.reset();
  view.hover_use.reset();
  view.hover_decisions.reset();
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const Box rows = context.layout.rows;
  const Box left{0, rows.y0, rows.x0, rows.y1};
  if (view.help_open || view.drag != Drag::None) return;
  if (!rows.contains(mouse) && !left.contains(mouse)) return;
  const auto y = static_cast<std::int64_t>(mouse.y - rows.y0 + std::round(view.scroll_y));
  const std::size_t at = context.input.rows->row_at(y);
  if (at >= context.input.rows->rows().size()) return;
  const Row& row = context.input.rows->rows()[at];
  if (y < row.y) return;
  view.hover_row = row;
  const bool on_time = rows.contains(mouse);
  if (on_time && row.has_decisions()) {
    view.hover_decisions = find_decisions(context, view, row, row_box(context, view, row), mouse);
  }
  find_hovered_span(context, view, on_time && !view.hover_decisions);
}

void draw_timeline(const PanelContext& context, ViewState& view) {
  context.input.pictures->begin_frame();
  const auto [first, last] = visible_rows(context, view);
  const Box rows = context.layout.rows;
  context.canvas.push_clip(rows);
  for (std::size_t at = first; at < last; ++at) {
    draw_row(context, view, context.input.rows->rows()[at]);
  }
  draw_grid(context, view);
  draw_worker_counts(context, view);
  draw_decision_arrows(context, view);
  if (view.selection.span != kNoSpan) draw_wake_arrow(context, view, view.selection.span);
  if (view.hover.span != kNoSpan && view.hover.span != view.selection.span) {
    draw_wake_arrow(context, view, view.hover.span);
  }
  draw_scrollbar(context, view);
  context.canvas.pop_clip();
  draw_row_labels(context, view, first, last);
}

}  // namespace taskscope::viewer
