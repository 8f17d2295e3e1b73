#include "viewer/panels/layout.h"

#include <algorithm>
#include <cmath>

namespace taskscope::viewer {
namespace {

// px at scale 1
constexpr float kFindingsReadable = 200;
constexpr float kRowsMin = 60;

}  // namespace

Layout make_layout(const LayoutInput& input) {
  const auto px = [&](float at_1) { return std::round(at_1 * input.scale); };
  const float width = input.width;
  const float left = std::min(px(input.left_width), std::floor(width / 2));
  // The rows keep two fifths of what is left of the names; less where nobody could read the
  // findings, but never nothing.
  const float beside = width - left;
  const float readable = std::min(px(kFindingsReadable), beside - px(kRowsMin));
  const float pane =
      std::min(px(input.findings_width), std::max(std::floor(beside * 3 / 5), readable));
  const float right = width - pane;
  const float status_height = px(input.footer ? 30 : 24);
  Layout layout;
  layout.top_bar = {0, 0, width, px(36)};
  layout.choices = {0, layout.top_bar.y1, width, layout.top_bar.y1 + (input.choices ? px(28) : 0)};
  layout.minimap = {0, layout.choices.y1, width, layout.choices.y1 + px(44)};
  layout.ruler = {left, layout.minimap.y1, right, layout.minimap.y1 + px(24)};
  const float bottom = std::max(input.height - status_height, layout.ruler.y1);
  layout.status = {0, bottom, width, input.height};
  // The rows keep at least a third of what is left.
  const float room = bottom - layout.ruler.y1;
  const float drawer = std::min(px(input.drawer_height), std::floor(room * 2 / 3));
  layout.drawer = {0, bottom - drawer, width, bottom};
  const float profile = std::min(px(input.profile_height), std::floor((room - drawer) * 2 / 3));
  const float rows_end = bottom - drawer - profile;
  layout.profile = {0, rows_end, width, bottom - drawer};
  // Pinned rows take no more than two fifths of the rows.
  const float pinned = std::min(input.pinned_height, std::floor((room - drawer - profile) * 2 / 5));
  layout.pinned = {left, layout.ruler.y1, right, layout.ruler.y1 + pinned};
  layout.rows = {left, layout.pinned.y1, right, rows_end};
  layout.findings = {right, layout.minimap.y1, width, rows_end};
  layout.left = {0, layout.minimap.y1, left, rows_end};
  return layout;
}

}  // namespace taskscope::viewer
