#include "viewer/panels/minimap.h"

#include <algorithm>
#include <cmath>

#include "viewer/model/stack_heights.h"
#include "viewer/panels/search_field.h"

namespace taskscope::viewer {
namespace {

float x_of(const PanelContext& context, std::int64_t ns) {
  const Box map = context.layout.minimap;
  const auto duration =
      static_cast<double>(std::max<std::int64_t>(context.session.duration_ns(), 1));
  const double share = std::clamp(static_cast<double>(ns) / duration, 0.0, 1.0);
  return map.x0 + static_cast<float>(std::round(share * static_cast<double>(map.width())));
}

}  // namespace

std::int64_t minimap_ns(const PanelContext& context, float x) {
  const Box map = context.layout.minimap;
  const double share = static_cast<double>((x - map.x0) / std::max(map.width(), 1.0F));
  return static_cast<std::int64_t>(share * static_cast<double>(context.session.duration_ns()));
}

Box minimap_brush(const PanelContext& context, const ViewState& view) {
  const TimeRange visible = view.time.visible();
  const Box map = context.layout.minimap;
  const float x0 = x_of(context, visible.start_ns);
  return {x0, map.y0, std::max(x_of(context, visible.end_ns), x0 + 2), map.y1 - 1};
}

void draw_minimap(const PanelContext& context, const ViewState& view) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const Box map = context.layout.minimap;
  canvas.fill(map, colors.panel);
  const float top = map.y0 + context.px(4);
  const float floor = map.y1 - context.px(5);
  const int height = static_cast<int>(floor - top);
  // Parts are whole nanoseconds long, some one longer than others: what counts is the tasks at
  // once.
  const ColumnGrid grid{static_cast<double>(context.session.duration_ns()) /
                        static_cast<double>(std::max<std::size_t>(context.overview.size(), 1))};
  const auto length_ns = [&](std::size_t at) {
    const auto part = static_cast<std::int64_t>(at);
    return static_cast<double>(grid.left_ns(part + 1) - grid.left_ns(part));
  };
  double most = 1e-9;
  for (std::size_t at = 0; at < context.overview.size(); ++at) {
    most = std::max(most, static_cast<double>(total(context.overview[at])) / length_ns(at));
  }
  const auto shares = [&](std::size_t at) {
    return to_shares(context.overview[at], std::max(1L, std::lround(most * length_ns(at))));
  };
  // Of a recording with fewer nanoseconds than there are pixels, parts are wider than one.
  const auto part_x = [&](std::size_t at) {
    const double share = static_cast<double>(at) / static_cast<double>(context.overview.size());
    return map.x0 + static_cast<float>(std::round(share * static_cast<double>(map.width())));
  };
  // Equal neighbours share one rectangle.
  std::size_t from = 0;
  std::array<int, kStateClasses> before{};
  for (std::size_t at = 0; at <= context.overview.size(); ++at) {
    const auto heights = at < context.overview.size() ? stack_heights(shares(at), height, 2)
                                                      : std::array<int, kStateClasses>{};
    if (at > 0 && (heights != before || at == context.overview.size())) {
      float y = floor;
      for (const StateClass state : kBySeverity) {
        const auto part = static_cast<float>(before[index_of(state)]);
        canvas.fill({part_x(from), y - part, part_x(at), y}, colors.state[index_of(state)]);
        y -= part;
      }
      from = at;
    }
    before = heights;
  }
  for (const Worker& worker : context.session.workers()) {
    for (const store::LostRow& lost : worker.lost) {
      const float x0 = x_of(context, lost.start_ns);
      const Box box{x0, map.y0, std::max(x_of(context, lost.end_ns), x0 + 3), map.y1 - 1};
      canvas.fill(box, with_alpha(colors.panel, 0.6F));
      canvas.hatch(box, colors.alarm);
    }
  }
  const Box brush = minimap_brush(context, view);
  const ImU32 veil = with_alpha(colors.void_color, 0.62F);
  canvas.fill({map.x0, map.y0, brush.x0, map.y1 - 1}, veil);
  canvas.fill({brush.x1, map.y0, map.x1, map.y1 - 1}, veil);
  draw_hits_in_minimap(context, view);
  canvas.frame(brush, with_alpha(colors.accent, 0.9F), 1);
  const float handle = context.px(3);
  const float middle = std::round((map.y0 + map.y1) / 2);
  const float reach = context.px(9);
  canvas.fill({brush.x0, middle - reach, brush.x0 + handle, middle + reach}, colors.accent);
  canvas.fill({brush.x1 - handle, middle - reach, brush.x1, middle + reach}, colors.accent);
  canvas.fill({map.x0, map.y1 - 1, map.x1, map.y1}, colors.border);
}

}  // namespace taskscope::viewer
