// What the pointer is on, at once: three lines and the keys.
// UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_tooltip(const PanelContext& context, const ViewState& view);

}  // namespace taskscope::viewer
