// The rows: names and shares on the left, spans on the right, and the arrow to whoever woke the
// chosen wait. Only visible rows are touched. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_timeline(const PanelContext& context, ViewState& view);

// Screen position of a row's top, in px.
float row_top(const PanelContext& context, const ViewState& view, const Row& row);
// Visible rows as indices [first, last) into the row list.
std::pair<std::size_t, std::size_t> visible_rows(const PanelContext& context,
                                                 const ViewState& view);
// Whose row the pointer is in and what it points at there.
void find_hover(const PanelContext& context, ViewState& view);

}  // namespace taskscope::viewer
