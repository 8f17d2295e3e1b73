// What became of collected objects, place by place, worst first, beside the source of the place
// that is chosen. Stands where the calls do, between the rows and the details. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// If it is open. Follows the mouse.
void draw_memory_pane(const PanelContext& context, ViewState& view);
// True if the pane took the keys of this frame.
bool handle_memory_keys(const PanelContext& context, ViewState& view);
// Open and with the keys; else only with the keys; else closed. Open, the calls are not.
void toggle_memory(ViewState& view);
// The next filter, or the one before it.
void step_memory_filter(ViewState& view, int step);

}  // namespace taskscope::viewer
