#include "viewer/panels/counter_row.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/panels/span_painter.h"

namespace taskscope::viewer {

void draw_counter(const PanelContext& context, const ViewState& view, const RowPicture& picture,
                  const Box& box) {
  Canvas& canvas = context.canvas;
  const PictureColumns columns(view, picture, box);
  const ImU32 below = with_alpha(context.colors.muted, 0.3F);
  const ImU32 between = with_alpha(context.colors.muted, 0.6F);
  for (auto cell = columns.first_seen(picture.cells); cell != picture.cells.end(); ++cell) {
    const float x0 = columns.x(cell->first);
    const float x1 = columns.x(cell->last);
    if (x0 >= box.x1) break;
    if (x1 <= x0) continue;
    const float low =
        std::max(1.0F, static_cast<float>(cell->heights[index_of(StateClass::Runnable)]));
    const float high = low + static_cast<float>(cell->heights[index_of(StateClass::Running)]);
    canvas.fill({x0, box.y1 - low, x1, box.y1}, below);
    if (high > low) canvas.fill({x0, box.y1 - high, x1, box.y1 - low}, between);
    canvas.fill({x0, box.y1 - high, x1, box.y1 - high + 1}, context.colors.text);
  }
}

std::string counter_text(const PanelContext& context, const ViewState& view,
                         const NamedCounter& counter) {
  const float x = ImGui::GetIO().MousePos.x - context.layout.rows.x0;
  const bool pointed = view.hover_row && x >= 0;
  if (!pointed) {
    const std::int64_t last_ns =
        std::min(view.time.visible().end_ns, context.session.duration_ns()) - 1;
    const auto value = counter.values.value_at(last_ns);
    return value ? value_text(counter, *value) : "";
  }
  const std::int64_t ns = view.time.to_ns(std::floor(static_cast<double>(x)));
  const std::int64_t next_ns = view.time.to_ns(std::floor(static_cast<double>(x)) + 1);
  const auto bounds = counter.values.bounds_in({ns, std::max(next_ns, ns + 1)});
  if (!bounds) return "";
  const std::string high = value_text(counter, bounds->high);
  return bounds->low == bounds->high ? high
                                     : fmt::format("{} to {}", value_text(bounds->low), high);
}

void draw_counter_label(const PanelContext& context, const ViewState& view, const Row& row,
                        const Box& box) {
  const NamedCounter& counter = context.session.annotations().counters()[row.index];
  Canvas& canvas = context.canvas;
  ImFont* font = context.fonts().text;
  const Box first{box.x0 + context.px(28), box.y0 + context.px(1), box.x1 - context.px(10),
                  box.y0 + context.px(15)};
  // The number comes first, a name can be read from its beginning.
  const std::string value = counter_text(context, view, counter);
  const float width = std::ceil(canvas.width(font, value));
  canvas.label(font, {first.x0, first.y0, first.x1 - width - context.px(8), first.y1},
               context.colors.text, counter.name);
  canvas.label_right(font, first, context.colors.muted, value);
  const ValueTrack::Bounds all = counter.values.bounds();
  canvas.label(
      context.fonts().small, {first.x0, first.y1 - context.px(1), first.x1, box.y1 - context.px(1)},
      context.colors.muted, fmt::format("{} – {}", value_text(all.low), value_text(all.high)));
}

}  // namespace taskscope::viewer
