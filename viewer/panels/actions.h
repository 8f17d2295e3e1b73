// What can be done to the view, by whatever means: keys, the command palette and the mouse all end
// here. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// Select and bring into view, unfolding what hides it.
void select_task(ViewState& view, TaskIndex task);
void select_span(const PanelContext& context, ViewState& view, SpanIndex span);
// Of the selected span, along the chain of wake-ups.
void follow_waker(const PanelContext& context, ViewState& view);
void follow_woken(const PanelContext& context, ViewState& view);
void select_parent(const PanelContext& context, ViewState& view);

// Where the time is about to change by steps: remembered once for each burst of them.
void remember_burst(ViewState& view);
void fit_selection(const PanelContext& context, ViewState& view);

// Selects the collection after the selected one (step 1) or before it (-1); without one, one that
// is in view.
void go_to_collection(const PanelContext& context, ViewState& view, int step);

double scroll_max(const PanelContext& context);
void move_row(const PanelContext& context, ViewState& view, int step);
void move_span(const PanelContext& context, ViewState& view, int step);
// Scrolls to what is to be revealed, unfolding what hides it.
void reveal(const PanelContext& context, ViewState& view);
void toggle_fold(const PanelContext& context, ViewState& view, const Row& row);
void fold_all(const PanelContext& context, ViewState& view, bool folded);
// The row of the selection, if it can be pinned.
std::optional<Pin> selected_pin(const ViewState& view);

// Rows between two heights of the window, over a stretch of time.
void select_area(const PanelContext& context, ViewState& view, TimeRange time, float top,
                 float bottom);
void copy_statistics(const PanelContext& context, ViewState& view);

void open_search(ViewState& view);
// To the next hit (1) or the one before (-1), as soon as there are any.
void step_search(ViewState& view, int step);
void open_picker(ViewState& view, PickerKind kind);

}  // namespace taskscope::viewer
