// A row for one of the program's counters: its curve between the smallest and the largest value
// that it had, its name and its value. UI thread only.
#pragma once

#include <string>

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_counter(const PanelContext& context, const ViewState& view, const RowPicture& picture,
                  const Box& box);
void draw_counter_label(const PanelContext& context, const ViewState& view, const Row& row,
                        const Box& box);

// What it is under the pointer, "2 to 5 bytes" where it changes there, or at the end of what is in
// view if the pointer is not over rows; "" where it has no value yet.
std::string counter_text(const PanelContext& context, const ViewState& view,
                         const NamedCounter& counter);

}  // namespace taskscope::viewer
