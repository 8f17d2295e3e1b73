// What stands where the timeline would be while there is nothing to draw (loading, failed, empty),
// and toasts. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

void draw_message(const PanelContext& context);
void draw_toast(const PanelContext& context, ViewState& view);
void show_toast(ViewState& view, std::string text);

}  // namespace taskscope::viewer
