// How a recording that is under way goes: in the top bar, at its right. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// Ends at `right`; returns where it begins. Nothing if nothing is recorded.
float draw_live(const PanelContext& context, ViewState& view, float right);

}  // namespace taskscope::viewer
