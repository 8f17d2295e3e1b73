// Whom the selected wait depends on, as one line above the details: task, what it waits for, who
// has that, and so on; each task can be clicked. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

inline constexpr float kChainStripHeight = 26;  // px at scale 1

// REQUIRES: the selected span is a wait (has_wait_chain).
void draw_wait_chain(const PanelContext& context, ViewState& view, const Box& strip);

}  // namespace taskscope::viewer
