#include "viewer/panels/worker_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/decision_text.h"
#include "viewer/model/format.h"
#include "viewer/panels/span_painter.h"
#include "viewer/panels/timeline.h"

namespace taskscope::viewer {
namespace {

constexpr float kGlyph = 7;  // px at scale 1, both ways
constexpr float kReach = 8;  // px at scale 1: how far from a mark the pointer still means it
constexpr std::uint32_t kArrowsMax = 8;  // more at once show nothing

ImU32 decision_color(const Palette& colors, DecisionKind kind) {
  switch (kind) {
    case DecisionKind::Preempt:
    case DecisionKind::Handoff:
    case DecisionKind::Takeover:
      return colors.accent;
    case DecisionKind::Steal:
      return colors.text;
    case DecisionKind::Wake:
      return colors.state[index_of(StateClass::Runnable)];
    case DecisionKind::Poll:
      return colors.state[index_of(StateClass::Io)];
    case DecisionKind::Timers:
      return colors.muted;
  }
  return colors.text;
}

// Several decisions: a bar as high as there are many, in parts as there are of each kind.
void draw_bar(const PanelContext& context, const DecisionGroup& group, const Box& lane, float x0,
              float x1) {
  const auto size = static_cast<float>(group.size());
  const float height =
      std::min(lane.height(), std::round(context.px(1) * (4 + std::floor(std::log2(size)))));
  float left = height;
  float y = lane.y1;
  for (std::size_t kind = 0; kind < kDecisionKinds && left > 0; ++kind) {
    const auto count = static_cast<float>(group.counts[kind]);
    if (count == 0) continue;
    const float part = std::clamp(std::round(height * count / size), 1.0F, left);
    // Quieter than a glyph: where there are many, none of them is what to look at first.
    const ImU32 color = decision_color(context.colors, static_cast<DecisionKind>(kind));
    context.canvas.fill({x0, y - part, x1, y}, with_alpha(color, 0.6F));
    y -= part;
    left -= part;
  }
}

// The one to be noticed first.
DecisionKind first_kind(const DecisionGroup& group) {
  const auto at = std::find_if(group.counts.begin(), group.counts.end(),
                               [](std::uint32_t count) { return count > 0; });
  return static_cast<DecisionKind>(at - group.counts.begin());
}

Box lane_of(const PanelContext& context, const Box& row) {
  return {row.x0, row.y0, row.x1, below_lane(context, row).y0 - 1};
}

// px between x and the group's decisions.
float distance(const PanelContext& context, const ViewState& view, const DecisionTrack& track,
               const DecisionGroup& group, float x) {
  const float x0 = time_x(context, view, track[group.first].ns);
  const float x1 = time_x(context, view, track[group.last - 1].ns);
  return std::max({x0 - x, x - x1, 0.0F});
}

}  // namespace

Box below_lane(const PanelContext& context, const Box& row) {
  return {row.x0, row.y0 + context.px(kDecisionLane), row.x1, row.y1};
}

void draw_glyph(const PanelContext& context, Canvas& canvas, DecisionKind kind, float x, float y0) {
  const ImU32 color = decision_color(context.colors, kind);
  const float size = context.px(kGlyph);
  const float half = std::floor(size / 2);
  const float y1 = y0 + size;
  const float x0 = x - half;
  const float x1 = x0 + size;
  const float middle_x = x0 + size / 2;
  const float middle_y = y0 + size / 2;
  const float bar = std::round(size * 0.3F);
  switch (kind) {
    case DecisionKind::Preempt:
      canvas.fill({x0, y0, x0 + bar, y1}, color);
      canvas.fill({x1 - bar, y0, x1, y1}, color);
      break;
    case DecisionKind::Handoff:
      canvas.triangle({x0, y0}, {x1, middle_y}, {x0, y1}, color);
      break;
    case DecisionKind::Takeover:
      canvas.triangle({x0, y1}, {middle_x, y0}, {x1, y1}, color);
      break;
    case DecisionKind::Steal:
      canvas.triangle({x0, y0}, {x1, y0}, {middle_x, y1}, color);
      break;
    case DecisionKind::Wake:
      canvas.triangle({x0, middle_y}, {middle_x, y0}, {x1, middle_y}, color);
      canvas.triangle({x0, middle_y}, {x1, middle_y}, {middle_x, y1}, color);
      break;
    case DecisionKind::Poll:
      canvas.fill({x0 + 1, y0 + 1, x1 - 1, y1 - 1}, color);
      break;
    case DecisionKind::Timers:
      canvas.triangle({x0, y0}, {x1, y0}, {middle_x, middle_y + 0.5F}, color);
      canvas.triangle({x0, y1}, {middle_x, middle_y - 0.5F}, {x1, y1}, color);
      break;
  }
}

void draw_idle(const PanelContext& context, const ViewState& view, const RowPicture& picture,
               const Box& box) {
  Canvas& canvas = context.canvas;
  const PictureColumns columns(view, picture, box);
  const ImU32 line = with_alpha(context.colors.muted, 0.45F);
  const ImU32 strip = with_alpha(context.colors.muted, 0.6F);
  for (auto cell = columns.first_seen(picture.idle); cell != picture.idle.end(); ++cell) {
    const float x0 = columns.x(cell->first);
    const float x1 = columns.x(cell->last);
    if (x0 >= box.x1) break;
    const bool mostly_asleep = cell->shares[index_of(StateClass::Sleep)] > 127;
    if (!cell->is_mixture() || mostly_asleep) canvas.fill({x0, box.y1 - 1, x1, box.y1}, line);
    // Looking for work keeps a processor busy: the part of the time as a part of the strip.
    const float looking =
        static_cast<float>(cell->shares[index_of(StateClass::Running)]) / 255 * context.px(3);
    if (cell->is_mixture()) {
      canvas.fill({x0, box.y1 - std::ceil(looking), x1, box.y1}, strip);
      continue;
    }
    const bool asleep = cell->state_class == StateClass::Sleep;
    if (!asleep) canvas.fill({x0, box.y1 - context.px(3), x1, box.y1}, strip);
    const char* text = asleep ? "asleep" : "looking for work";
    const Box room{std::max(x0, box.x0) + context.px(6), box.y0, std::min(x1, box.x1), box.y1};
    const float width = canvas.width(context.fonts().small, text);
    if (room.width() < 2 * width) continue;
    canvas.label(context.fonts().small, room, with_alpha(context.colors.muted, 0.8F), text);
  }
}

void draw_lost(const PanelContext& context, const ViewState& view, const Worker& worker,
               const Box& box) {
  Canvas& canvas = context.canvas;
  const TimeRange visible = view.time.visible();
  for (const store::LostRow& lost : worker.lost) {
    if (!visible.overlaps(lost.start_ns, lost.end_ns)) continue;
    const float x0 = std::max(time_x(context, view, lost.start_ns), box.x0);
    const float x1 = std::max(std::min(time_x(context, view, lost.end_ns), box.x1), x0 + 2);
    canvas.fill({x0, box.y0, x1, box.y1}, context.colors.panel);
    canvas.hatch({x0, box.y0, x1, box.y1}, with_alpha(context.colors.alarm, 0.55F));
    const std::string text = fmt::format("{} events lost", count_text(lost.events));
    const float width = std::ceil(canvas.width(context.fonts().text, text));
    if (width + context.px(12) < x1 - x0) {
      canvas.fill({x0, box.y0, x0 + width + context.px(10), box.y1}, context.colors.panel);
      canvas.label(context.fonts().text, {x0 + context.px(5), box.y0, x1, box.y1},
                   context.colors.alarm, text);
    }
  }
}

void draw_decisions(const PanelContext& context, const ViewState& view, const DecisionTrack& track,
                    const RowPicture& picture, const Box& row) {
  const std::vector<DecisionGroup>& groups = picture.decisions;
  const Box lane = lane_of(context, row);
  const float mark = context.px(kGlyph) + 2;
  const std::int64_t from_ns = view.time.to_ns(-static_cast<double>(mark));
  auto group = std::partition_point(groups.begin(), groups.end(), [&](const DecisionGroup& a) {
    return track[a.last - 1].ns < from_ns;
  });
  float before = -1e6F;
  for (; group != groups.end(); ++group) {
    const float x0 = time_x(context, view, track[group->first].ns);
    const float x1 = time_x(context, view, track[group->last - 1].ns);
    if (x0 > row.x1 + mark) break;
    const bool last = group + 1 == groups.end();
    const float after = last ? 1e6F : time_x(context, view, track[group[1].first].ns);
    const bool alone = group->size() == 1;
    const float end = x0 + (alone ? mark : mark + context.px(5));
    if (x0 - before >= mark && after >= end && x1 - x0 < mark) {
      const DecisionKind kind = first_kind(*group);
      if (kind == DecisionKind::Takeover) {
        context.canvas.fill({x0, lane.y1, x0 + 1, row.y1}, context.colors.accent);
      }
      draw_glyph(context, context.canvas, kind, x0, lane.y0);
      // What else there is beside it.
      const float rest = x0 + std::ceil(mark / 2);
      if (!alone) draw_bar(context, *group, lane, rest, rest + context.px(3));
      before = alone ? x1 : rest + context.px(3);
    } else {
      const float left = std::max(x0 - 1, before + 1);
      const float right = std::min(std::max(x1 + 2, left + context.px(3)), after - 1);
      draw_bar(context, *group, lane, left, right);
      before = right;
    }
  }
}

std::optional<DecisionGroup> find_decisions(const PanelContext& context, const ViewState& view,
                                            const Row& row, const Box& box, ImVec2 mouse) {
  const DecisionTrack* track = row_decisions(context.session, row);
  const Box lane = lane_of(context, box);
  if (track == nullptr || mouse.y >= lane.y1 + 2) return std::nullopt;
  // The very groups that the row's picture has: both cut at the same columns.
  const std::int64_t mark_px =
      decision_mark_px(static_cast<int>(below_lane(context, box).height()));
  const auto column = view.time.first_column() + static_cast<std::int64_t>(mouse.x - box.x0);
  std::optional<DecisionGroup> nearest;
  float reach = context.px(kReach);
  for (const DecisionGroup& group :
       track->groups(view.time.grid(), column - mark_px, column + mark_px + 1, mark_px)) {
    const float away = distance(context, view, *track, group, std::floor(mouse.x));
    if (away > reach || (nearest && away == reach)) continue;
    nearest = group;
    reach = away;
  }
  return nearest;
}

void draw_decision_arrows(const PanelContext& context, const ViewState& view) {
  if (!view.hover_decisions || !view.hover_row || view.hover_decisions->size() > kArrowsMax) return;
  const DecisionTrack* track = row_decisions(context.session, *view.hover_row);
  if (track == nullptr || view.hover_row->kind != RowKind::Worker) return;
  const Box here = row_box(context, view, *view.hover_row);
  for (std::size_t at = view.hover_decisions->first; at < view.hover_decisions->last; ++at) {
    const Decision& decision = (*track)[at];
    const auto worker = context.session.find_worker(decision.other);
    const auto row = worker ? context.input.rows->find_worker(*worker) : std::nullopt;
    if (!row || row->index == view.hover_row->index) continue;
    const Box there = row_box(context, view, *row);
    const float x = time_x(context, view, decision.ns);
    const bool steal = decision.kind == DecisionKind::Steal;
    draw_arrow(context, steal ? there : here, steal ? here : there, x, context.colors.text);
  }
}

void draw_worker_counts(const PanelContext& context, const ViewState& view) {
  const std::vector<WorkerCount>& counts = context.session.worker_counts();
  const RowList& rows = *context.input.rows;
  if (counts.empty() || rows.size() == 0 || rows.row(0).kind != RowKind::WorkersHeader) return;
  const std::size_t workers = context.session.workers().size();
  const auto last_worker = rows.index_of(RowKind::Worker, static_cast<std::uint32_t>(workers - 1));
  const std::size_t last_row = rows.index_of(RowKind::Queues, 0).value_or(last_worker.value_or(0));
  const Box header = row_box(context, view, rows.row(0));
  const float bottom = row_box(context, view, rows.row(last_row)).y1;
  const TimeRange visible = view.time.visible();
  auto at = std::partition_point(counts.begin(), counts.end(), [&](const WorkerCount& count) {
    return count.ns < visible.start_ns;
  });
  Canvas& canvas = context.canvas;
  ImFont* font = context.fonts().small;
  float free_from = header.x0;
  while (at != counts.end() && at->ns <= visible.end_ns) {
    const float x = time_x(context, view, at->ns);
    canvas.fill({x, header.y0, x + 1, bottom}, with_alpha(context.colors.accent, 0.8F));
    const auto next = std::partition_point(at + 1, counts.end(), [&](const WorkerCount& count) {
      return time_x(context, view, count.ns) < x + 2;
    });
    // Of changes within a line's width the last one is what holds from there on.
    const auto shown = static_cast<std::size_t>(next - 1 - counts.begin());
    const std::string text = worker_count_text(counts, shown);
    const float width = std::ceil(canvas.width(font, text)) + context.px(8);
    const float end = next == counts.end() ? header.x1 : time_x(context, view, next->ns);
    // Right of the line, or left of it at the end of the recording.
    const bool right = x + width < std::min(end, header.x1);
    const float left = right ? x : x + 1 - width;
    if (right || (next == counts.end() && left > free_from)) {
      const Box pill{left, header.y0, left + width, header.y0 + context.px(14)};
      canvas.fill(pill, context.colors.accent);
      canvas.label(font, {left + context.px(4), pill.y0, pill.x1, pill.y1}, IM_COL32_WHITE, text);
      free_from = pill.x1;
    }
    at = next;
  }
}

}  // namespace taskscope::viewer
