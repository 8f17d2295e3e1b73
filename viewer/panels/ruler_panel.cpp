#include "viewer/panels/ruler_panel.h"

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/model/ruler.h"
#include "viewer/panels/search_field.h"

namespace taskscope::viewer {
namespace {

void draw_pill(const PanelContext& context, float x, ImU32 back, ImU32 front,
               const std::string& text) {
  Canvas& canvas = context.canvas;
  const Box ruler = context.layout.ruler;
  const float width = std::ceil(canvas.width(context.fonts().text, text)) + context.px(12);
  const float left =
      std::clamp(std::round(x - width / 2), ruler.x0, std::max(ruler.x0, ruler.x1 - width));
  const Box pill{left, ruler.y0 + context.px(3), left + width, ruler.y1 - context.px(4)};
  canvas.fill(pill, back);
  canvas.label(context.fonts().text, {pill.x0 + context.px(6), pill.y0, pill.x1, pill.y1}, front,
               text);
}

}  // namespace

void draw_ruler(const PanelContext& context, const ViewState& view) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const Box ruler = context.layout.ruler;
  const Box rows = context.layout.rows;
  canvas.fill(ruler, colors.panel);
  canvas.push_clip({ruler.x0, ruler.y0, ruler.x1, rows.y1});
  const Ticks ticks = make_ticks(view.time.visible(), static_cast<double>(ruler.width()),
                                 static_cast<double>(context.px(120)));
  const auto x_of = [&](std::int64_t ns) {
    return ruler.x0 + static_cast<float>(std::round(view.time.to_px(ns)));
  };
  for (const std::int64_t ns : ticks.instants_ns) {
    const float x = x_of(ns);
    canvas.fill({x, ruler.y1 - context.px(7), x + 1, ruler.y1 - 1}, colors.muted);
    if (ns < 0 || ns > context.session.duration_ns()) continue;
    const std::string text = format_instant(ns, ticks.step_ns);
    const Box room{x + context.px(5), ruler.y0, x + context.px(118), ruler.y1};
    if (room.x0 + canvas.width(context.fonts().text, text) > ruler.x1) continue;
    canvas.label(context.fonts().text, room, colors.muted, text);
  }
  if (!ticks.instants_ns.empty()) {
    for (std::int64_t ns = ticks.instants_ns.front() - ticks.step_ns;
         ns <= ticks.instants_ns.back() + ticks.step_ns; ns += ticks.minor_step_ns) {
      const float x = x_of(ns);
      canvas.fill({x, ruler.y1 - context.px(4), x + 1, ruler.y1 - 1},
                  with_alpha(colors.muted, 0.5F));
    }
  }
  canvas.fill({ruler.x0, ruler.y1 - 1, ruler.x1, ruler.y1}, colors.border);
  draw_hits_in_ruler(context, view);
  for (const Mark& mark : view.marks) {
    const float x = x_of(mark.ns);
    canvas.fill({x, ruler.y0, x + 1, rows.y1}, colors.accent);
    canvas.triangle({x - context.px(4), ruler.y0}, {x + context.px(5), ruler.y0},
                    {x + 0.5F, ruler.y0 + context.px(7)}, colors.accent);
  }
  if (view.measured) {
    const float x0 = x_of(std::min(view.measured->start_ns, view.measured->end_ns));
    const float x1 = x_of(std::max(view.measured->start_ns, view.measured->end_ns));
    canvas.fill({x0, ruler.y0, x1, rows.y1}, with_alpha(colors.accent, 0.12F));
    canvas.fill({x0, ruler.y0, x0 + 1, rows.y1}, colors.accent);
    canvas.fill({x1, ruler.y0, x1 + 1, rows.y1}, colors.accent);
    draw_pill(context, (x0 + x1) / 2, colors.accent, IM_COL32_WHITE,
              "Δt " + duration_text(std::abs(view.measured->length_ns())));
  }
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const Box hot{ruler.x0, ruler.y0, ruler.x1, rows.y1};
  if (hot.contains(mouse) && view.drag != Drag::Measure && !view.help_open &&
      view.picker.kind == PickerKind::None) {
    const float x = std::floor(mouse.x);
    canvas.fill({x, ruler.y1, x + 1, rows.y1}, with_alpha(colors.text, 0.25F));
    const std::int64_t ns = view.time.to_ns(static_cast<double>(x - ruler.x0));
    draw_pill(context, x, colors.text, colors.panel,
              format_instant(ns, ticks.step_ns, ticks.step_ns / 100 + 1));
  }
  canvas.pop_clip();
}

}  // namespace taskscope::viewer
