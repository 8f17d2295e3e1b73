// The overlay that lists every key and gesture, made from the table of commands.
// UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_help(const PanelContext& context);

}  // namespace taskscope::viewer
