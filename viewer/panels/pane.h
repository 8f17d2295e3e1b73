// What the panes beside and below the rows have in common: their edge, their cross, chips to choose
// from, and which of them has the keys. UI thread only.
#pragma once

#include <string_view>

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// Whether what the mouse does is meant for what it is over: nothing is in front, nothing is held.
bool has_mouse(const PanelContext& context, const ViewState& view);
// Gives the keys to the pane, and takes them from all others.
void give_keys(ViewState& view, KeysOf keys);
// Gives them back to the rows if the pane has them.
void take_keys(ViewState& view, KeysOf keys);

// A cross at the right end of a pane's header. True when clicked.
bool draw_cross(const PanelContext& context, const Box& header, bool mouse);
// One of several that can be chosen. True when clicked.
bool draw_choice(const PanelContext& context, const Box& chip, std::string_view text, bool chosen,
                 bool mouse);
// The width of a chip for this text, px, at most so wide.
float choice_width(const PanelContext& context, std::string_view text, float width_max);

}  // namespace taskscope::viewer
