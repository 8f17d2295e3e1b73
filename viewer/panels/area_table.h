// The statistics of a selected area, in the drawer: a row per state, sorted by the column that was
// clicked. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_area_table(const PanelContext& context, ViewState& view, const Box& drawer);

}  // namespace taskscope::viewer
