// The bar at the top: which recording this is and how much is in it. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_top_bar(const PanelContext& context, ViewState& view);

}  // namespace taskscope::viewer
