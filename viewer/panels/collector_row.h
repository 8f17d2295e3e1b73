// The row of the collector of collected memory: phases of collections, pauses above them, and
// bands over all rows while no task ran. UI thread only.
#pragma once

#include "viewer/panels/frame.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {

void draw_collector(const PanelContext& context, const ViewState& view, const RowPicture& picture,
                    const Box& box);
// Over the rows, where pauses are wide enough to be seen one by one.
void draw_pause_bands(const PanelContext& context, const ViewState& view);

// What of the recording is in view.
TimeRange time_in_view(const PanelContext& context, const ViewState& view);
// "12": collections in view; "1.2 %" of the time in view, in which no task ran.
std::string collections_in_view(const PanelContext& context, const ViewState& view);
std::string paused_in_view(const PanelContext& context, const ViewState& view);

// For the note at the pointer: of a collection, or of the row where there is none.
std::vector<NoteLine> collector_lines(const PanelContext& context, const ViewState& view);
// "3, 1.90 ms in all, the longest 1.20 ms"; "none".
std::string pauses_text(const Collection& collection);

}  // namespace taskscope::viewer
