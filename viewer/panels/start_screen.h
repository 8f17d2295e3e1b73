// What stands in the window when no file is open. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// Follows mouse and keys; a choice is left in ViewState::start_choice.
void draw_start_screen(const PanelContext& context, ViewState& view);

}  // namespace taskscope::viewer
