// The search at the top: the field, its hits, and where they stand. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// While somebody types into the field keys are its own: text, Enter and Shift+Enter to step, Esc to
// close. Takes a step that waited for the hits, too.
void handle_search_keys(const PanelContext& context, ViewState& view, bool typing);
void draw_search_field(const PanelContext& context, ViewState& view, const Box& box);

// The hits of what is searched, if they are there and it can be understood; else nullptr.
SearchHitsPtr shown_hits(const PanelContext& context, const ViewState& view);
// Ticks: of all hits in the overview, and of the first ones in the ruler.
void draw_hits_in_minimap(const PanelContext& context, const ViewState& view);
void draw_hits_in_ruler(const PanelContext& context, const ViewState& view);

}  // namespace taskscope::viewer
