#include "viewer/panels/collector_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/panels/span_painter.h"
#include "viewer/panels/timeline.h"

namespace taskscope::viewer {
namespace {

using store::GcPhase;

constexpr float kPauseShare = 0.36F;  // of the row's height
constexpr float kBand = 0.14F;
constexpr float kLabelRoom = 8;  // px at scale 1, both sides together

// How strong a phase is drawn, in the one colour of collections.
float strength(GcPhase phase) {
  switch (phase) {
    case GcPhase::Mark:
      return 0.8F;
    case GcPhase::Sweep:
      return 0.5F;
    case GcPhase::Handshake:
      return 0.35F;
    case GcPhase::Destroy:
      return 0.25F;
    default:
      return 1;
  }
}

// Of a mixture, by the shares of its phases.
float strength(const Cell& cell) {
  float sum = 0;
  for (std::size_t state = 0; state < kStateClasses; ++state) {
    sum += static_cast<float>(cell.shares[state]) / 255 *
           strength(phase_of(static_cast<StateClass>(state)));
  }
  return std::clamp(sum, 0.15F, 1.0F);
}

ImU32 collector_color(const PanelContext& context) {
  return context.colors.state[index_of(StateClass::Gc)];
}

void draw_phases(const PanelContext& context, const PictureColumns& columns,
                 const std::vector<Cell>& cells, const Box& lane) {
  Canvas& canvas = context.canvas;
  const ImU32 color = collector_color(context);
  ImFont* font = context.fonts().small;
  for (auto cell = columns.first_seen(cells); cell != cells.end(); ++cell) {
    const float x0 = columns.x(cell->first);
    const float x1 = std::max(columns.x(cell->last), x0 + 1);
    if (x0 >= lane.x1) break;
    if (cell->is_mixture()) {
      canvas.fill({x0, lane.y0, x1, lane.y1}, with_alpha(color, strength(*cell)));
      continue;
    }
    const GcPhase phase = phase_of(cell->state_class);
    canvas.fill({x0, lane.y0, x1, lane.y1}, with_alpha(color, strength(phase)));
    if (x1 - x0 >= context.px(6)) {
      canvas.fill({x1 - 1, lane.y0, x1, lane.y1}, context.colors.panel);
    }
    const Box room{std::max(x0, lane.x0) + context.px(kLabelRoom / 2), lane.y0,
                   std::min(x1, lane.x1) - context.px(kLabelRoom / 2), lane.y1};
    const std::string_view text = to_text(phase);
    if (room.width() < canvas.width(font, text)) continue;
    canvas.label(font, room,
                 phase == GcPhase::Mark ? context.colors.label[index_of(StateClass::Gc)]
                                        : context.colors.text,
                 text);
  }
}

void draw_pauses(const PanelContext& context, const PictureColumns& columns,
                 const std::vector<Cell>& cells, const Box& lane) {
  const ImU32 color = collector_color(context);
  for (auto cell = columns.first_seen(cells); cell != cells.end(); ++cell) {
    const float x0 = columns.x(cell->first);
    const float x1 = std::max(columns.x(cell->last), x0 + 1);
    if (x0 >= lane.x1) break;
    // Where there are many, the more of the time they take the stronger.
    const float share = static_cast<float>(cell->shares[index_of(class_of(GcPhase::Pause))]) / 255;
    const float alpha = cell->is_mixture() ? 0.45F + 0.55F * share : 1;
    context.canvas.fill({x0, lane.y0, x1, lane.y1}, with_alpha(color, alpha));
  }
}

}  // namespace

TimeRange time_in_view(const PanelContext& context, const ViewState& view) {
  const TimeRange visible = view.time.visible();
  return {std::max<std::int64_t>(visible.start_ns, 0),
          std::min(visible.end_ns, context.session.duration_ns())};
}

void draw_collector(const PanelContext& context, const ViewState& view, const RowPicture& picture,
                    const Box& box) {
  const PictureColumns columns(view, picture, box);
  const float middle = box.y0 + std::round(box.height() * kPauseShare);
  draw_phases(context, columns, picture.cells, {box.x0, middle + 1, box.x1, box.y1});
  draw_pauses(context, columns, picture.pauses, {box.x0, box.y0 + 1, box.x1, middle});
  const std::optional<std::uint32_t> chosen = view.selection.collection;
  if (!chosen) return;
  const TimeRange range = context.session.memory().collections()[*chosen].range;
  const float x0 = std::max(time_x(context, view, range.start_ns) - 1, box.x0 - 2);
  const float x1 = std::min(time_x(context, view, range.end_ns) + 1, box.x1 + 2);
  context.canvas.frame({x0, box.y0, std::max(x1, x0 + 4), box.y1}, context.colors.accent,
                       context.px(1));
}

void draw_pause_bands(const PanelContext& context, const ViewState& view) {
  const auto row = context.input.rows->find_row(RowKind::Collector, 0);
  if (!row) return;
  const Box rows{context.layout.rows.x0, context.layout.pinned.y0, context.layout.rows.x1,
                 context.layout.rows.y1};
  const auto first = view.time.first_column();
  const auto last = first + static_cast<std::int64_t>(std::ceil(rows.width()));
  const RowPicturePtr picture = context.input.pictures->find(*row, view.time.grid(), first, last);
  if (picture == nullptr) return;
  const PictureColumns columns(view, *picture, rows);
  const ImU32 band = with_alpha(collector_color(context), kBand);
  for (auto cell = columns.first_seen(picture->pauses); cell != picture->pauses.end(); ++cell) {
    const float x0 = columns.x(cell->first);
    if (x0 >= rows.x1) break;
    if (cell->is_mixture()) continue;
    context.canvas.fill({x0, rows.y0, std::max(columns.x(cell->last), x0 + 1), rows.y1}, band);
  }
}

std::string collections_in_view(const PanelContext& context, const ViewState& view) {
  return count_text(context.session.memory().count_in(time_in_view(context, view)));
}

std::string paused_in_view(const PanelContext& context, const ViewState& view) {
  const TimeRange range = time_in_view(context, view);
  if (range.length_ns() <= 0) return "–";
  return format_share(static_cast<double>(context.session.memory().paused_ns(range)) /
                      static_cast<double>(range.length_ns()));
}

std::string pauses_text(const Collection& collection) {
  if (collection.pauses == 0) return "none";
  const std::string all = duration_text(collection.ns_of(GcPhase::Pause));
  if (collection.pauses == 1) return all;
  return fmt::format("{}, {} in all, the longest {}", collection.pauses, all,
                     duration_text(collection.longest_pause_ns));
}

std::vector<NoteLine> collector_lines(const PanelContext& context, const ViewState& view) {
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  if (!view.hover.collection) {
    return {{"Collector", colors.text, fonts.strong},
            {fmt::format("{} collections in view, no task ran for {} of it",
                         collections_in_view(context, view), paused_in_view(context, view)),
             colors.text, fonts.text}};
  }
  const Collection& collection = context.session.memory().collections()[*view.hover.collection];
  std::vector<NoteLine> lines{{collection_title(collection), colors.text, fonts.strong}};
  const auto add = [&](const std::string& text, ImU32 color) {
    if (!text.empty()) lines.push_back({text, color, fonts.text});
  };
  add(fmt::format("{}  {}", duration_text(collection.range.length_ns()),
                  collection_amounts(collection)),
      colors.text);
  add(collection.pauses == 0 ? "no pause" : "no task ran for " + pauses_text(collection),
      colors.text);
  add(collection_phases(collection), colors.muted);
  lines.push_back({"Click: details   Double click: zoom", colors.muted, fonts.small});
  return lines;
}

}  // namespace taskscope::viewer
