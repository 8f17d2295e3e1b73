// Paints one row's cells: single spans as rectangles with their second cue, mixtures as stacks.
// UI thread only.
#pragma once

#include "viewer/panels/frame.h"

namespace taskscope::viewer {

// Where a picture's columns stand on screen; one of another zoom is stretched until the row's own
// is there.
class PictureColumns {
 public:
  PictureColumns(const ViewState& view, const RowPicture& picture, const Box& box)
      : stretch_(picture.grid.ns_per_px / view.time.grid().ns_per_px),
        first_column_(static_cast<double>(view.time.first_column())),
        box_(box) {}

  float x(std::int64_t column) const;
  // The first cell that reaches into the box.
  std::vector<Cell>::const_iterator first_seen(const std::vector<Cell>& cells) const;

 private:
  double stretch_;
  double first_column_;
  Box box_;
};

void paint_cells(const PanelContext& context, const ViewState& view, const Row& row,
                 const RowPicture& picture, const Box& box);

// Where on the floor-standing axis a span of this class reaches: 1 is the whole row.
float height_share(StateClass state);

}  // namespace taskscope::viewer
