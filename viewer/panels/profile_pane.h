// Where time went by calls, in the range that is in view: what processors worked on, or what tasks
// waited in; of everything, of the selected task or worker, or of the task's group. A table of
// functions and a flame graph, between the rows and the details. UI thread only.
#pragma once

#include <string>

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// If it is open. Follows the mouse.
void draw_profile_pane(const PanelContext& context, ViewState& view);
// True if the pane took the keys of this frame.
bool handle_profile_keys(const PanelContext& context, ViewState& view);

// Open and with the keys; else only with the keys; else closed.
void toggle_profile(const PanelContext& context, ViewState& view);
void set_profile(ViewState& view, ProfileOf of, ProfileScope scope);
// Everything, then what the selection has of it: the task, its group, or the worker.
void step_profile_scope(const PanelContext& context, ViewState& view);
void open_profile_search(ViewState& view);

// "12", "1.2 ms": a weight of a profile.
std::string weight_text(ProfileOf of, std::int64_t weight);

}  // namespace taskscope::viewer
