// Marks: lines and flags on the timeline, ticks on the minimap, and the list in which notes are
// written. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// On ruler and rows, after both.
void draw_marks(const PanelContext& context, const ViewState& view);
void draw_minimap_marks(const PanelContext& context, const ViewState& view);
// In front of the rows, if it is open. Follows the mouse.
void draw_mark_list(const PanelContext& context, ViewState& view);

// True where the pointer is for the list and not for what lies below it.
bool over_mark_list(const PanelContext& context, const ViewState& view);
// True if the list took the keys of this frame.
bool handle_mark_keys(const PanelContext& context, ViewState& view);
// M: sets a mark at the pointer, or removes the one that is there; one with a note is asked about
// in the list. With a note to be written: sets one if there is none, and opens the list.
void toggle_mark(const PanelContext& context, ViewState& view);
void write_note(const PanelContext& context, ViewState& view);

}  // namespace taskscope::viewer
