// The column left of the rows: names, folds, and how much of the visible range each row spent
// waiting (tasks) or working (workers). UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_row_labels(const PanelContext& context, const ViewState& view, std::size_t first,
                     std::size_t last);

// "3 readers blocked 12 %": the blocked classes (channel, lock, stuck) over everything.
double blocked_share(const ClassTimes& times);

}  // namespace taskscope::viewer
