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
Box row_box(const PanelContext& context, const ViewState& view, const Row& row);
// The row at a place of the window, pinned or not, names included.
std::optional<Row> row_under(const PanelContext& context, const ViewState& view, ImVec2 at);
// Screen position of an instant, on a whole pixel.
float time_x(const PanelContext& context, const ViewState& view, std::int64_t ns);
// From the middle of one row to the edge of another.
void draw_arrow(const PanelContext& context, const Box& source, const Box& goal, float x,
                ImU32 color);
// Whose row the pointer is in and what it points at there.
void find_hover(const PanelContext& context, ViewState& view);

}  // namespace taskscope::viewer
