// The drawer at the bottom: the chosen task or worker, its times, and the chosen span with
// whoever ended it.
// UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// What the drawer needs, px at scale 1; 0: nothing is selected.
float drawer_height(const TraceSession& session, const FindingList& findings,
                    const ViewState& view);
void draw_details(const PanelContext& context, ViewState& view);

}  // namespace taskscope::viewer
