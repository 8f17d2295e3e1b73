// The bar that is there when the rows are not all the rows, or not as usual: a chip for each
// filter, grouping and order, with a cross that takes it away. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

bool has_choices(const ViewState& view);
void draw_choices_bar(const PanelContext& context, ViewState& view);

}  // namespace taskscope::viewer
