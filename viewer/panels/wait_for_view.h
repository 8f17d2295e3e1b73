// Who waits for whom at the end of what is in view, as a picture in front of the rows: tasks that
// wait alike, what they wait for, who has it, from left to right. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_wait_for(const PanelContext& context, ViewState& view);
// True if a key that was pressed in this frame was meant for it.
bool handle_wait_for_keys(const PanelContext& context, ViewState& view);
// Shows it, which gets the keys, or takes it away.
void toggle_wait_for(ViewState& view);
// Whether the mouse is over it, and means nothing of what is behind.
bool over_wait_for(const PanelContext& context, const ViewState& view);

}  // namespace taskscope::viewer
