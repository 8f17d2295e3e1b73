#include "viewer/panels/widgets.h"

#include <algorithm>
#include <cmath>

namespace taskscope::viewer {

bool draw_button(const PanelContext& context, const Box& box, std::string_view text,
                 std::string_view hint) {
  Canvas& canvas = context.canvas;
  const ImGuiIO& io = ImGui::GetIO();
  const bool hovered = box.contains(io.MousePos);
  canvas.fill(box, hovered ? context.colors.border : context.colors.raised);
  canvas.frame(box, context.colors.border, 1);
  const float room = (box.width() - canvas.width(context.fonts().text, text)) / 2;
  canvas.label(context.fonts().text, {box.x0 + std::floor(room), box.y0, box.x1, box.y1},
               context.colors.text, text);
  if (hovered && !hint.empty()) {
    draw_note(context, {box.x0, box.y1 + context.px(6)},
              {{std::string(hint), context.colors.muted, context.fonts().text}});
  }
  return hovered && io.MouseClicked[0];
}

bool draw_chip(const PanelContext& context, const Box& box, std::string_view text,
               std::string_view hint, ChipKind kind) {
  Canvas& canvas = context.canvas;
  const std::size_t stuck = index_of(StateClass::Leaked);
  const bool hovered = box.contains(ImGui::GetIO().MousePos) && !context.input.footer;
  const bool alarm = kind == ChipKind::Alarm;
  const ImU32 color = alarm ? context.colors.state[stuck] : context.colors.warning;
  const ImU32 ink = alarm ? context.colors.label[stuck] : context.colors.panel;
  canvas.fill(box, hovered ? shifted(color, 0.15F) : color);
  const float room = (box.width() - canvas.width(context.fonts().strong, text)) / 2;
  canvas.label(context.fonts().strong, {box.x0 + std::floor(room), box.y0, box.x1, box.y1}, ink,
               text);
  if (hovered) {
    draw_note(context, {box.x0, box.y1 + context.px(6)},
              {{std::string(hint), context.colors.muted, context.fonts().text}});
  }
  return hovered && ImGui::GetIO().MouseClicked[0];
}

bool draw_link(const PanelContext& context, const Box& box, std::string_view text) {
  Canvas& canvas = context.canvas;
  const std::string shown = canvas.fit(context.fonts().text, text, box.width());
  const Box hit{box.x0, box.y0, box.x0 + canvas.width(context.fonts().text, shown), box.y1};
  const bool hovered = hit.contains(ImGui::GetIO().MousePos);
  canvas.label(context.fonts().text, box, context.colors.accent, shown);
  if (hovered) {
    canvas.fill({hit.x0, hit.y1 - 1, std::round(hit.x1), hit.y1}, context.colors.accent);
    ImGui::SetMouseCursor(ImGuiMouseCursor_Hand);
  }
  return hovered && ImGui::GetIO().MouseClicked[0];
}

void draw_share_bar(const PanelContext& context, const Box& box, const ClassTimes& times,
                    std::int64_t whole_ns) {
  if (whole_ns <= 0) return;
  std::int64_t before = 0;
  const auto edge = [&](std::int64_t ns) {
    const double share = static_cast<double>(ns) / static_cast<double>(whole_ns);
    return box.x0 + std::round(static_cast<float>(share) * box.width());
  };
  for (const StateClass state : kBySeverity) {
    const std::int64_t ns = times[index_of(state)];
    if (ns <= 0) continue;
    const float x0 = edge(before);
    const float x1 =
        std::min(box.x1, std::max(edge(before + ns), x0 + (is_severe(state) ? 1.0F : 0.0F)));
    context.canvas.fill({x0, box.y0, x1, box.y1}, context.colors.state[index_of(state)]);
    before += ns;
  }
}

void draw_note(const PanelContext& context, ImVec2 at, const std::vector<NoteLine>& lines) {
  // Drawn over everything else, so not on the panels' own list.
  Canvas canvas(ImGui::GetForegroundDrawList(), context.fonts());
  float width = 0;
  float height = 0;
  const float gap = context.px(3);
  for (const NoteLine& line : lines) {
    width = std::max(width, canvas.width(line.font, line.text));
    height += line.font->FontSize + gap;
  }
  const float pad = context.px(8);
  const ImVec2 size = ImGui::GetIO().DisplaySize;
  width = std::ceil(width) + 2 * pad;
  height += 2 * pad - gap;
  const float x = std::floor(std::clamp(at.x, 0.0F, std::max(0.0F, size.x - width - 1)));
  const float y = std::floor(std::clamp(at.y, 0.0F, std::max(0.0F, size.y - height - 1)));
  const Box box{x, y, x + width, y + height};
  canvas.fill(box, context.colors.raised);
  canvas.frame(box, context.colors.border, 1);
  float line_y = y + pad;
  for (const NoteLine& line : lines) {
    canvas.text(line.font, x + pad, line_y, line.color, line.text);
    line_y += line.font->FontSize + gap;
  }
}

}  // namespace taskscope::viewer
