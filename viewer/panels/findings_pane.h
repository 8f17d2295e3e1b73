// The list of what is wrong with the program, worst first, at the right of the rows: each finding's
// sentence, and of the one that is read what is known of it and what to try. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// If it is open. Follows the mouse.
void draw_findings_pane(const PanelContext& context, ViewState& view);
// True if the pane took the keys of this frame.
bool handle_finding_keys(const PanelContext& context, ViewState& view);

// Open and with the keys; else only with the keys; else closed.
void toggle_findings(ViewState& view);
// Opens the list, which gets the keys, or closes it; what was new has been seen then.
void show_findings(ViewState& view, bool open);
// Reads a finding and goes to it: its task, its time with something before and after.
void go_to_finding(const PanelContext& context, ViewState& view, std::size_t at);
// To the one after the one that is read (step 1) or before it (-1), among those that are listed.
void step_to_finding(const PanelContext& context, ViewState& view, int step);
// The finding that is read, to the clipboard.
void copy_finding(const PanelContext& context, ViewState& view);

}  // namespace taskscope::viewer
