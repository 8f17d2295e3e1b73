// How findings stand on the timeline: the sign of each, whose shape says how bad it is and whose
// filling says whether it is proved; brackets below what they are about; ticks in the overview.
// UI thread only.
#pragma once

#include <optional>
#include <vector>

#include "viewer/panels/frame.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {

// An octagon is severe, a triangle a warning, a square for information; full: proved, hollow:
// suspected. `background` is what shows through.
void draw_finding_sign(const PanelContext& context, Canvas& canvas, const ShownFinding& finding,
                       ImVec2 centre, ImU32 background);
ImU32 finding_color(const PanelContext& context, const ShownFinding& finding);

// Of a task's row, or of a group's heading: the worst that is known of its tasks; nullptr: nothing.
const ShownFinding* row_finding(const PanelContext& context, const Row& row);
// Below the spans of a row.
void draw_row_evidence(const PanelContext& context, const ViewState& view, const Row& row,
                       const Box& spans);

// Is the last span of this task one that was found to wait for ever?
bool is_stuck(const PanelContext& context, TaskIndex task);
// While a finding is read, its tasks are bright and all others are not. Nothing: nobody is dimmed.
std::optional<std::uint32_t> lit_finding(const PanelContext& context, const ViewState& view);
bool is_lit(const PanelContext& context, std::uint32_t finding, TaskIndex task);

// What is known of the task at that time, worst first.
const ShownFinding* finding_at(const PanelContext& context, TaskIndex task, TimeRange when);

// What it says, for a note beside the pointer.
std::vector<NoteLine> finding_lines(const PanelContext& context, const ShownFinding& finding);

void draw_minimap_findings(const PanelContext& context, const ViewState& view);
// The finding whose tick is under the pointer.
std::optional<std::size_t> minimap_finding(const PanelContext& context);

}  // namespace taskscope::viewer
