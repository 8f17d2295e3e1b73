// The whole recording in 44 px: share of states, lost events, and the brush that says which part is
// on screen. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_minimap(const PanelContext& context, const ViewState& view);

// The brush in px: where the visible range stands in the minimap.
Box minimap_brush(const PanelContext& context, const ViewState& view);
std::int64_t minimap_ns(const PanelContext& context, float x);

}  // namespace taskscope::viewer
