// Marks on the rows of tasks and workers where a processor was seen at work for them: ticks on the
// floor of their spans; where they would touch, a strip that is the higher the denser they are. UI
// thread only.
#pragma once

#include <optional>
#include <vector>

#include "viewer/panels/frame.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {

void draw_sample_marks(const PanelContext& context, const ViewState& view, const Row& row,
                       const Box& spans);

// Those whose mark is under the pointer.
std::optional<RowSamples> find_samples(const PanelContext& context, const ViewState& view,
                                       const Row& row, const Box& spans, ImVec2 mouse);

// What they say: of one its stack, of several which functions were seen most.
std::vector<NoteLine> sample_lines(const PanelContext& context, const ViewState& view);

// Selects the sample after the one that is selected (step 1) or before it (-1), of the selected
// task or worker.
void step_sample(const PanelContext& context, ViewState& view, int step);

}  // namespace taskscope::viewer
