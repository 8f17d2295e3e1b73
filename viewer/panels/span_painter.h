// Paints one row's cells: single spans as rectangles with their second cue, mixtures as stacks.
// UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void paint_cells(const PanelContext& context, const ViewState& view, const Row& row,
                 const RowPicture& picture, const Box& box);

// Where on the floor-standing axis a span of this class reaches: 1 is the whole row.
float height_share(StateClass state);

}  // namespace taskscope::viewer
