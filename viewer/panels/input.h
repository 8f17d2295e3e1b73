// What mouse and keys do to the ViewState. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// Keys that work whatever is on screen: quit, theme, help.
void handle_global_keys(ViewState& view);
// Everything that needs a session.
void handle_input(const PanelContext& context, ViewState& view);

// Select and bring into view, unfolding what hides it.
void select_task(ViewState& view, TaskIndex task);
void select_span(const PanelContext& context, ViewState& view, SpanIndex span);
void follow_waker(const PanelContext& context, ViewState& view);
void follow_woken(const PanelContext& context, ViewState& view);

}  // namespace taskscope::viewer
