// What a worker's row shows beside its spans: when it had nothing to run, what was lost, and in a
// lane above what the scheduler decided there; and the lines that changes of the number of workers
// draw through all of them. UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// Where spans and marks stand in a row that has decisions.
Box below_lane(const PanelContext& context, const Box& row);

void draw_idle(const PanelContext& context, const ViewState& view, const RowPicture& picture,
               const Box& box);
void draw_lost(const PanelContext& context, const ViewState& view, const Worker& worker,
               const Box& box);
void draw_decisions(const PanelContext& context, const ViewState& view, const DecisionTrack& track,
                    const RowPicture& picture, const Box& row);

// The group whose mark is under the pointer, if the pointer is in the row's lane.
std::optional<DecisionGroup> find_decisions(const PanelContext& context, const ViewState& view,
                                            const Row& row, const Box& box, ImVec2 mouse);
// From the worker that was stolen from, or to the one that was woken, for the marks under the
// pointer.
void draw_decision_arrows(const PanelContext& context, const ViewState& view);

// A line through all workers' rows where their number was set, with the number.
void draw_worker_counts(const PanelContext& context, const ViewState& view);

// A mark, 7 px wide at scale 1, around x.
void draw_glyph(const PanelContext& context, Canvas& canvas, DecisionKind kind, float x, float y0);

}  // namespace taskscope::viewer
