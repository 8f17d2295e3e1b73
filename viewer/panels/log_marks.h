// Marks on a task's row where it said something: notches at the upper edge of its spans; one for
// all lines that would stand closer than a notch is wide. UI thread only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_log_marks(const PanelContext& context, const ViewState& view, const Row& row,
                    const Box& spans);

// The lines whose mark is under the pointer.
std::optional<LogLines> find_log_lines(const PanelContext& context, const ViewState& view,
                                       const Row& row, const Box& spans, ImVec2 mouse);

// "cache: miss", cut to what a note can hold.
std::string log_text(const LogLine& line);

}  // namespace taskscope::viewer
