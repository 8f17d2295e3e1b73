#include "viewer/panels/timeline.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/model/ruler.h"
#include "viewer/panels/row_labels.h"
#include "viewer/panels/span_painter.h"

namespace taskscope::viewer {
namespace {

Box row_box(const PanelContext& context, const ViewState& view, const Row& row) {
  const float y = row_top(context, view, row);
  return {context.layout.rows.x0, y, context.layout.rows.x1, y + static_cast<float>(row.height)};
}

float x_of(const PanelContext& context, const ViewState& view, std::int64_t ns) {
  const double x = std::round(view.time.to_px(ns));
  return context.layout.rows.x0 + static_cast<float>(std::clamp(x, -1e5, 1e5));
}

void draw_grid(const PanelContext& context, const ViewState& view) {
  const Box rows = context.layout.rows;
  const Ticks ticks = make_ticks(view.time.visible(), static_cast<double>(rows.width()),
                                 static_cast<double>(context.px(120)));
  for (const std::int64_t ns : ticks.instants_ns) {
    const float x = x_of(context, view, ns);
    context.canvas.fill({x, rows.y0, x + 1, rows.y1}, context.colors.grid);
  }
  // What lies outside the recording is void.
  const float end = x_of(context, view, context.session.duration_ns());
  const float start = x_of(context, view, 0);
  const ImU32 veil = with_alpha(context.colors.void_color, 0.85F);
  context.canvas.fill({rows.x0, rows.y0, std::min(start, rows.x1), rows.y1}, veil);
  context.canvas.fill({std::max(end, rows.x0), rows.y0, rows.x1, rows.y1}, veil);
}

// A triangle per steal on the thief's row; ticks where they stand closer than a triangle is wide.
void draw_steals(const PanelContext& context, const ViewState& view, const Worker& worker,
                 const Box& box) {
  const TimeRange visible = view.time.visible();
  const auto before = [](const store::StealRow& row, std::int64_t ns) { return row.ns < ns; };
  const auto first =
      std::lower_bound(worker.steals.begin(), worker.steals.end(), visible.start_ns, before);
  const auto last = std::lower_bound(first, worker.steals.end(), visible.end_ns, before);
  const float size = context.px(4);
  const bool dense = static_cast<float>(last - first) * 3 * size > box.width();
  for (auto steal = first; steal < last;) {
    const float x = x_of(context, view, steal->ns);
    if (dense) {
      context.canvas.fill({x, box.y0, x + 1, box.y0 + size}, with_alpha(context.colors.text, 0.7F));
    } else {
      context.canvas.triangle({x - size, box.y0}, {x + size + 1, box.y0},
                              {x + 0.5F, box.y0 + size + 1}, context.colors.text);
    }
    // On to the first steal at least two pixels later: the cost is that of the pixels.
    const std::int64_t next_ns = view.time.to_ns(static_cast<double>(x - box.x0) + 2);
    steal = std::lower_bound(steal + 1, last, next_ns, before);
  }
}

// A quiet strip on the floor while the worker looks for work; where it slept there is nothing.
void draw_spins(const PanelContext& context, const ViewState& view, const Worker& worker,
                const Box& box) {
  const TimeRange visible = view.time.visible();
  const auto ends_before = [](const store::ParkRow& row, std::int64_t ns) {
    return row.end_ns <= ns;
  };
  auto spin =
      std::lower_bound(worker.spins.begin(), worker.spins.end(), visible.start_ns, ends_before);
  const ImU32 color = with_alpha(context.colors.muted, 0.6F);
  while (spin != worker.spins.end() && spin->start_ns < visible.end_ns) {
    const float x0 = std::max(x_of(context, view, spin->start_ns), box.x0);
    const float x1 = std::max(std::min(x_of(context, view, spin->end_ns), box.x1), x0 + 1);
    context.canvas.fill({x0, box.y1 - context.px(3), x1, box.y1}, color);
    const std::int64_t next_ns = view.time.to_ns(static_cast<double>(x1 - box.x0) + 1);
    spin = std::lower_bound(spin + 1, worker.spins.end(), next_ns, ends_before);
  }
}

// A triangle on the floor where another thread took the worker over.
void draw_drives(const PanelContext& context, const ViewState& view, const Worker& worker,
                 const Box& box) {
  const TimeRange visible = view.time.visible();
  const auto before = [](const Drive& drive, std::int64_t ns) { return drive.ns < ns; };
  if (worker.drives.empty()) return;
  const float size = context.px(4);
  // Who drives it first took it from nobody.
  auto drive =
      std::lower_bound(worker.drives.begin() + 1, worker.drives.end(), visible.start_ns, before);
  const auto last = std::lower_bound(drive, worker.drives.end(), visible.end_ns, before);
  const bool dense = static_cast<float>(last - drive) * 3 * size > box.width();
  while (drive < last) {
    const float x = x_of(context, view, drive->ns);
    if (dense) {
      context.canvas.fill({x, box.y1 - size, x + 1, box.y1}, context.colors.accent);
    } else {
      context.canvas.fill({x, box.y0, x + 1, box.y1}, context.colors.accent);
      context.canvas.triangle({x - size, box.y1}, {x + 0.5F, box.y1 - size - 1},
                              {x + size + 1, box.y1}, context.colors.accent);
    }
    const std::int64_t next_ns = view.time.to_ns(static_cast<double>(x - box.x0) + 2);
    drive = std::lower_bound(drive + 1, last, next_ns, before);
  }
}

// Lost intervals, hatched.
void draw_lost(const PanelContext& context, const ViewState& view, const Worker& worker,
               const Box& box) {
  Canvas& canvas = context.canvas;
  const TimeRange visible = view.time.visible();
  for (const store::LostRow& lost : worker.lost) {
    if (!visible.overlaps(lost.start_ns, lost.end_ns)) continue;
    const float x0 = std::max(x_of(context, view, lost.start_ns), box.x0);
    const float x1 = std::max(std::min(x_of(context, view, lost.end_ns), box.x1), x0 + 2);
    canvas.fill({x0, box.y0, x1, box.y1}, context.colors.panel);
    canvas.hatch({x0, box.y0, x1, box.y1}, with_alpha(context.colors.alarm, 0.55F));
    const std::string text = fmt::format("{} events lost", format_count(lost.events));
    const float width = std::ceil(canvas.width(context.fonts().text, text));
    if (width + context.px(12) < x1 - x0) {
      canvas.fill({x0, box.y0, x0 + width + context.px(10), box.y1}, context.colors.panel);
      canvas.label(context.fonts().text, {x0 + context.px(5), box.y0, x1, box.y1},
                   context.colors.alarm, text);
    }
  }
}

void draw_row(const PanelContext& context, const ViewState& view, const Row& row) {
  const Box box = row_box(context, view, row);
  const bool header = row.is_header();
  const bool selected = (row.kind == RowKind::Task && view.selection.task == row.index) ||
                        (row.kind == RowKind::Worker && view.selection.worker == row.index);
  context.canvas.fill(box, selected ? context.colors.raised : context.colors.panel);
  const auto first = view.time.first_column();
  const auto last = first + static_cast<std::int64_t>(std::ceil(box.width()));
  const float pad = header ? context.px(kHeaderPadding) : 0;
  Row chart = row;
  chart.height -= static_cast<int>(pad);
  const RowPicturePtr picture = context.input.pictures->find(chart, view.time.grid(), first, last);
  if (picture != nullptr) {
    paint_cells(context, view, row, *picture, {box.x0, box.y0 + pad, box.x1, box.y1});
  }
  if (row.kind == RowKind::Worker) {
    const Worker& worker = context.session.workers()[row.index];
    draw_spins(context, view, worker, box);
    draw_lost(context, view, worker, box);
    draw_drives(context, view, worker, box);
    draw_steals(context, view, worker, box);
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
  const Box source = row_box(context, view, *from);
  const Box goal = row_box(context, view, *to);
  const float x = x_of(context, view, context.session.span_range(span).end_ns);
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

}  // namespace

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
  const std::int64_t ns = view.time.to_ns(static_cast<double>(std::floor(mouse.x) - rows.x0));
  const std::int64_t next_ns =
      view.time.to_ns(static_cast<double>(std::floor(mouse.x) - rows.x0) + 1);
  const auto touched = [&](const Track& track) {
    const std::size_t inside = track.first_ending_after(ns);
    return inside < track.size() && track.start_ns(inside) < std::max(next_ns, ns + 1)
               ? inside
               : track.size();
  };
  if (row.kind == RowKind::Worker) {
    const Worker& worker = context.session.workers()[row.index];
    view.hover.worker = row.index;
    const std::size_t span = touched(worker.track);
    if (rows.contains(mouse) && span < worker.track.size()) {
      view.hover.span = worker.spans[span];
      view.hover.task = context.session.span_task(view.hover.span);
    }
  } else if (row.kind == RowKind::Task) {
    const Task& task = context.session.tasks()[row.index];
    view.hover.task = row.index;
    const std::size_t span = touched(task.track);
    if (rows.contains(mouse) && span < task.track.size()) {
      view.hover.span = task.first_span + static_cast<SpanIndex>(span);
    }
  }
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
  if (view.selection.span != kNoSpan) draw_wake_arrow(context, view, view.selection.span);
  if (view.hover.span != kNoSpan && view.hover.span != view.selection.span) {
    draw_wake_arrow(context, view, view.hover.span);
  }
  draw_scrollbar(context, view);
  context.canvas.pop_clip();
  draw_row_labels(context, view, first, last);
}

}  // namespace taskscope::viewer
