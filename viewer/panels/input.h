// What the mouse does to the ViewState. Keys are in commands.h. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void handle_input(const PanelContext& context, ViewState& view);

}  // namespace taskscope::viewer
