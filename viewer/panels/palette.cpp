#include "viewer/panels/palette.h"

#include <cmath>

namespace taskscope::viewer {
namespace {

constexpr ImU32 rgb(std::uint32_t hex) {
  return IM_COL32(hex >> 16 & 0xff, hex >> 8 & 0xff, hex & 0xff, 0xff);
}

constexpr ImU32 kInk = rgb(0x0B0D10);
constexpr ImU32 kWhite = rgb(0xFFFFFF);

// In the order of StateClass.
constexpr Palette kDark{
    .state = {rgb(0x069069), rgb(0xF1CF64), rgb(0x38A3FA), rgb(0x8D44B6), rgb(0x5BF0F0),
              rgb(0x4C4D4E), rgb(0xEA61B3), rgb(0xE63F0C)},
    .label = {kInk, kInk, kInk, kWhite, kInk, kWhite, kInk, kInk},
    .region = {rgb(0x34486F), rgb(0x5F4268), rgb(0x36594A), rgb(0x66502F), rgb(0x2E5A68),
               rgb(0x6D414E), rgb(0x54582F), rgb(0x4B4A75)},
    .void_color = rgb(0x0F1115),
    .panel = rgb(0x14161B),
    .raised = rgb(0x1C1F26),
    .border = rgb(0x2A2F38),
    .text = rgb(0xE4E7EB),
    .muted = rgb(0x9AA3AE),
    .accent = rgb(0x4C8DFF),
    .grid = IM_COL32(255, 255, 255, 15),
    .alarm = rgb(0xFF6B4A),
    .warning = rgb(0xFFB020),
    .hatch = IM_COL32(0, 0, 0, 56),
};

constexpr Palette kLight{
    .state = {rgb(0x378466), rgb(0xB28C30), rgb(0x1E51AF), rgb(0x5C027C), rgb(0x159BC2),
              rgb(0xB3B3B3), rgb(0x8B326E), rgb(0xCF1F00)},
    .label = {kWhite, kInk, kWhite, kWhite, kInk, kInk, kWhite, kWhite},
    .region = {rgb(0xBCCDF0), rgb(0xDCC4E6), rgb(0xBFDDC9), rgb(0xEBD3AE), rgb(0xB5DAE4),
               rgb(0xEFC3CC), rgb(0xDADCA9), rgb(0xCCC9EE)},
    .void_color = rgb(0xF1F0EC),
    .panel = rgb(0xFBFAF7),
    .raised = rgb(0xFFFFFF),
    .border = rgb(0xDCD9D2),
    .text = rgb(0x22262C),
    .muted = rgb(0x6A6F76),
    .accent = rgb(0x2667E7),
    .grid = IM_COL32(0, 0, 0, 15),
    .alarm = rgb(0xB81C00),
    .warning = rgb(0x8A5A00),
    .hatch = IM_COL32(255, 255, 255, 56),
};

}  // namespace

const Palette& palette(Theme theme) { return theme == Theme::Dark ? kDark : kLight; }

ImU32 with_alpha(ImU32 color, float share) {
  const auto alpha =
      static_cast<ImU32>(std::lround(static_cast<float>(color >> IM_COL32_A_SHIFT & 0xff) * share));
  return (color & ~IM_COL32_A_MASK) | alpha << IM_COL32_A_SHIFT;
}

ImU32 shifted(ImU32 color, float towards) {
  ImVec4 parts = ImGui::ColorConvertU32ToFloat4(color);
  const float goal = towards < 0 ? 0.0F : 1.0F;
  const float share = std::abs(towards);
  parts.x += (goal - parts.x) * share;
  parts.y += (goal - parts.y) * share;
  parts.z += (goal - parts.z) * share;
  return ImGui::ColorConvertFloat4ToU32(parts);
}

}  // namespace taskscope::viewer
