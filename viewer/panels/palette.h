// The colours: states by the table that was checked for contrast and colour-blind distance, chrome
// around them. Colour means state; only regions, which are paler than any state, have one by their
// name. Pure.
#pragma once

#include <imgui.h>

#include <array>

#include "viewer/model/annotations.h"
#include "viewer/model/state_class.h"
#include "viewer/model/view_request.h"

namespace taskscope::viewer {

struct Palette {
  std::array<ImU32, kStateClasses> state{};
  std::array<ImU32, kStateClasses> label{};   // text on it, at least 4.5 : 1
  std::array<ImU32, kRegionColors> region{};  // `text` on it, at least 4.5 : 1
  ImU32 void_color = 0;                       // behind the rows
  ImU32 panel = 0;
  ImU32 raised = 0;
  ImU32 border = 0;
  ImU32 text = 0;
  ImU32 muted = 0;
  ImU32 accent = 0;
  ImU32 grid = 0;     // lines at 6 %
  ImU32 alarm = 0;    // lost events, errors, severe findings
  ImU32 warning = 0;  // other findings
  ImU32 hatch = 0;    // stripes on waiting spans
};

const Palette& palette(Theme theme);

// `color` with its opacity multiplied by `share` (0 to 1).
ImU32 with_alpha(ImU32 color, float share);
// A step towards black (negative) or white (positive), -1 to 1.
ImU32 shifted(ImU32 color, float towards);

}  // namespace taskscope::viewer
