#include "viewer/panels/region_lanes.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "viewer/panels/span_painter.h"

namespace taskscope::viewer {
namespace {

constexpr float kEdgeMinPx = 4;
constexpr float kLabelMinPx = 20;
constexpr float kTextPad = 4;
constexpr float kDim = 0.42F;  // as spans out of focus

float lane_px(const PanelContext& context, const Row& row) {
  const std::size_t lanes = std::max<std::size_t>(context.session.annotations().lanes(), 1);
  return static_cast<float>(row.below) / static_cast<float>(lanes);
}

class LanePainter {
 public:
  LanePainter(const PanelContext& context, const ViewState& view, const Row& row, const Box& box,
              std::uint32_t lane)
      : context_(context),
        box_(box),
        lane_(lane),
        dim_(view.hover.task != kNoTask && view.hover.task != row.index) {
    if (view.selection.task == row.index) selected_ = view.selection.region;
    if (view.hover.task == row.index) pointed_ = view.hover.region;
  }

  void paint(const PictureColumns& columns, const std::vector<Cell>& cells) const {
    for (auto cell = columns.first_seen(cells); cell != cells.end(); ++cell) {
      const float x0 = columns.x(cell->first);
      const float x1 = columns.x(cell->last);
      if (x0 >= box_.x1) break;
      if (x1 <= x0) continue;
      if (cell->is_mixture()) {
        paint_mixture(*cell, x0, x1);
      } else {
        paint_region(*cell, {x0, box_.y0, x1, box_.y1});
      }
    }
  }

 private:
  ImU32 color_of(std::size_t number) const {
    const ImU32 color = context_.colors.region[number];
    return dim_ ? with_alpha(color, kDim) : color;
  }

  void paint_mixture(const Cell& cell, float x0, float x1) const {
    float y = box_.y1;
    for (std::size_t number = 0; number < kRegionColors; ++number) {
      const auto part = static_cast<float>(cell.heights[number]);
      if (part <= 0) continue;
      context_.canvas.fill({x0, y - part, x1, y}, color_of(number));
      y -= part;
    }
    if (y < box_.y1) return;
    // Next to nothing is not nothing.
    const auto most = std::max_element(cell.shares.begin(), cell.shares.end());
    const auto number = static_cast<std::size_t>(most - cell.shares.begin());
    context_.canvas.fill({x0, y - 1, x1, y}, color_of(number));
  }

  void paint_region(const Cell& cell, const Box& bar) const {
    Canvas& canvas = context_.canvas;
    const Annotations& annotations = context_.session.annotations();
    const RegionAt here{lane_, cell.span};
    ImU32 color = color_of(static_cast<std::size_t>(cell.state_class));
    if (pointed_ == here) color = shifted(color, kPointed);
    canvas.fill(bar, color);
    const RegionDetail& detail = annotations.detail(cell.payload);
    if (bar.width() >= context_.px(kEdgeMinPx)) {
      const ImU32 edge = shifted(color, -0.35F);
      if (detail.start_known) canvas.fill({bar.x0, bar.y0, bar.x0 + 1, bar.y1}, edge);
      paint_open_edges(detail, bar);
    }
    if (selected_ == here) canvas.frame(bar, context_.colors.text, context_.px(1.5F));
    const float pad = context_.px(kTextPad);
    const Box room{std::max(bar.x0, box_.x0) + pad, bar.y0, std::min(bar.x1, box_.x1) - pad,
                   bar.y1};
    if (room.width() < context_.px(kLabelMinPx)) return;
    ImFont* font = context_.fonts().small;
    const std::string text = canvas.fit(font, annotations.region_name(cell.payload), room.width());
    // Cropped to next to nothing, letters only disturb.
    if (text.ends_with("…") && canvas.width(font, text) < context_.px(kLabelMinPx)) return;
    canvas.label(font, room, dim_ ? context_.colors.muted : context_.colors.text, text);
  }

  // An edge that is not known is torn.
  void paint_open_edges(const RegionDetail& detail, const Box& bar) const {
    const float width = std::min(context_.px(6), std::floor(bar.width() / 2));
    const ImU32 stripes = context_.colors.panel;
    if (!detail.start_known) {
      context_.canvas.hatch({bar.x0, bar.y0, bar.x0 + width, bar.y1}, stripes);
    }
    if (!detail.end_known) {
      context_.canvas.hatch({bar.x1 - width, bar.y0, bar.x1, bar.y1}, stripes);
    }
  }

  static constexpr float kPointed = 0.12F;

  const PanelContext& context_;
  const Box& box_;
  std::uint32_t lane_;
  bool dim_;
  std::optional<RegionAt> selected_;
  std::optional<RegionAt> pointed_;
};

}  // namespace

Box above_lanes(const Row& row, const Box& box) {
  return {box.x0, box.y0, box.x1, box.y1 - static_cast<float>(row.below)};
}

void draw_regions(const PanelContext& context, const ViewState& view, const Row& row,
                  const RowPicture& picture, const Box& box) {
  if (row.below == 0) return;
  const float pitch = lane_px(context, row);
  const float top = above_lanes(row, box).y1;
  for (std::uint32_t lane = 0; lane < kRegionLanes; ++lane) {
    if (picture.regions[lane].empty()) continue;
    const float y1 = std::round(top + pitch * static_cast<float>(lane + 1));
    const float height = static_cast<float>(region_bar_px(static_cast<int>(pitch)));
    const Box bars{box.x0, y1 - height, box.x1, y1};
    LanePainter(context, view, row, bars, lane)
        .paint(PictureColumns(view, picture, box), picture.regions[lane]);
  }
}

bool in_lanes(const Row& row, const Box& box, float y) {
  return row.below > 0 && y >= above_lanes(row, box).y1;
}

std::optional<RegionAt> find_region(const PanelContext& context, const ViewState& view,
                                    const Row& row, const Box& box, ImVec2 mouse) {
  const RegionTracks* tracks = context.session.annotations().regions_of(row.index);
  if (tracks == nullptr || !in_lanes(row, box, mouse.y)) return std::nullopt;
  const float y = mouse.y - above_lanes(row, box).y1;
  const auto lane = static_cast<std::uint32_t>(y / lane_px(context, row));
  if (lane >= kRegionLanes) return std::nullopt;
  const double x = std::floor(static_cast<double>(mouse.x - box.x0));
  const std::int64_t ns = view.time.to_ns(x);
  const Track& track = (*tracks)[lane];
  const std::size_t at = track.first_ending_after(ns);
  if (at >= track.size() || track.start_ns(at) >= std::max(view.time.to_ns(x + 1), ns + 1)) {
    return std::nullopt;
  }
  return RegionAt{lane, static_cast<std::uint32_t>(at)};
}

std::string unknown_edges_text(const RegionDetail& detail) {
  if (!detail.start_known && !detail.end_known) return "its beginning and its end are not known";
  if (!detail.start_known) return "began before the recording, or its beginning was lost";
  return detail.end_known ? "" : "not ended when its task did, or its end was lost";
}

}  // namespace taskscope::viewer
