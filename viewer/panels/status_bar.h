// The line at the bottom: what colours mean, what was lost, what the frame cost; or, in a
// picture, the footer that lets it stand alone.
// UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_status_bar(const PanelContext& context, const ViewState& view);

}  // namespace taskscope::viewer
