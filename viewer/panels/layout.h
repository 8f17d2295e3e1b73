// Which panel gets which part of the window. Pure.
#pragma once

#include "viewer/panels/canvas.h"

namespace taskscope::viewer {

struct LayoutInput {
  float width = 0;  // px
  float height = 0;
  float scale = 1;
  float left_width = 220;    // px at scale 1
  float drawer_height = 0;   // px at scale 1; 0: closed
  float findings_width = 0;  // likewise
  float profile_height = 0;  // likewise
  float pinned_height = 0;   // px, of all pinned rows
  bool choices = false;      // rows are filtered, grouped or sorted: a bar says how
  bool footer = false;       // a picture's footer instead of the window's status line
};

struct Layout {
  Box top_bar, choices, minimap, ruler, pinned, rows, left, findings, profile, drawer, status;
};

Layout make_layout(const LayoutInput& input);

}  // namespace taskscope::viewer
