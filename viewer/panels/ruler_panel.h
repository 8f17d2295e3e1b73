// The ruler above the rows: ticks, the pointer's instant, marks, and a measured distance.
// UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_ruler(const PanelContext& context, const ViewState& view);

}  // namespace taskscope::viewer
