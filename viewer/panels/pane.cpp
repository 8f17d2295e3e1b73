#include "viewer/panels/pane.h"

#include <algorithm>
#include <cmath>

#include "viewer/panels/imgui_compat.h"

namespace taskscope::viewer {
namespace {

constexpr float kChoicePad = 7;  // px at scale 1

}  // namespace

bool has_mouse(const PanelContext& context, const ViewState& view) {
  return !view.help_open && view.picker.kind == PickerKind::None && view.drag == Drag::None &&
         !context.input.footer;
}

void give_keys(ViewState& view, KeysOf keys) {
  view.keys = keys;
  view.profile.typing = view.profile.typing && keys == KeysOf::Calls;
}

void take_keys(ViewState& view, KeysOf keys) {
  if (view.keys == keys) give_keys(view, KeysOf::Rows);
}

bool draw_cross(const PanelContext& context, const Box& header, bool mouse) {
  const float pad = context.px(8);
  const Box cross{header.x1 - context.px(14), header.y0 + pad, header.x1 + context.px(4),
                  header.y1 - pad};
  const bool hovered = mouse && cross.contains(ImGui::GetIO().MousePos);
  const ImU32 color = hovered ? context.colors.text : context.colors.muted;
  const float x = std::round((cross.x0 + cross.x1) / 2);
  const float y = std::round((cross.y0 + cross.y1) / 2);
  const float arm = context.px(4);
  const float thick = context.px(1.4F);
  context.canvas.line({x - arm, y - arm}, {x + arm, y + arm}, color, thick);
  context.canvas.line({x - arm, y + arm}, {x + arm, y - arm}, color, thick);
  return hovered && ImGui::GetIO().MouseClicked[0];
}

float choice_width(const PanelContext& context, std::string_view text, float width_max) {
  const float width = std::ceil(context.canvas.width(context.fonts().text, text));
  return std::min(width, width_max) + 2 * context.px(kChoicePad);
}

bool draw_choice(const PanelContext& context, const Box& chip, std::string_view text, bool chosen,
                 bool mouse) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const float pad = context.px(kChoicePad);
  const bool hovered = mouse && chip.contains(ImGui::GetIO().MousePos);
  canvas.fill(chip, chosen    ? with_alpha(colors.accent, 0.2F)
                    : hovered ? colors.border
                              : colors.raised);
  canvas.frame(chip, chosen ? colors.accent : colors.border, 1);
  canvas.label(context.fonts().text, {chip.x0 + pad, chip.y0, chip.x1 - pad + 1, chip.y1},
               chosen ? colors.text : colors.muted, text);
  return hovered && ImGui::GetIO().MouseClicked[0];
}

}  // namespace taskscope::viewer
