// The lanes below a task's spans, in which its regions stand: bars with their names, in pale
// colours, so that they are not taken for states. UI thread only.
#pragma once

#include <optional>

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// Of a row's box, what is above its lanes.
Box above_lanes(const Row& row, const Box& box);

void draw_regions(const PanelContext& context, const ViewState& view, const Row& row,
                  const RowPicture& picture, const Box& box);

// Whether that is in one of the row's lanes, and the region there, if there is one.
bool in_lanes(const Row& row, const Box& box, float y);
std::optional<RegionAt> find_region(const PanelContext& context, const ViewState& view,
                                    const Row& row, const Box& box, ImVec2 mouse);

// "began before what was recorded", …; "" if both of its edges are known.
std::string unknown_edges_text(const RegionDetail& detail);

}  // namespace taskscope::viewer
