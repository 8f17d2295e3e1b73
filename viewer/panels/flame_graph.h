// A profile as boxes: each function as wide as its share, what it called below it, the heaviest at
// the left. The cost is bounded by pixels. UI thread only.
#pragma once

#include <cstdint>
#include <optional>

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// Follows the mouse, if `mouse` says that it is the graph's: a click zooms, a wheel scrolls.
void draw_flame_graph(const PanelContext& context, ViewState& view, const CallProfile& profile,
                      const Box& box, bool mouse);
// Moves what the keys are at, zooms to it, or out. True if the key was one of these.
bool handle_flame_keys(ViewState& view, const CallProfile& profile);

}  // namespace taskscope::viewer
