#include "viewer/panels/input.h"

#include <algorithm>
#include <cmath>

#include "viewer/model/pane_sizes.h"
#include "viewer/panels/actions.h"
#include "viewer/panels/commands.h"
#include "viewer/panels/details.h"
#include "viewer/panels/finding_marks.h"
#include "viewer/panels/findings_pane.h"
#include "viewer/panels/marks_panel.h"
#include "viewer/panels/minimap.h"
#include "viewer/panels/pane.h"
#include "viewer/panels/timeline.h"
#include "viewer/panels/wait_for_view.h"

namespace taskscope::viewer {
namespace {

constexpr double kWheelZoom = 1.25;
constexpr float kWheelRowsPx = 57;
constexpr float kAreaMinPx = 4;  // less is a click

void handle_wheel(const PanelContext& context, ViewState& view) {
  const ImGuiIO& io = ImGui::GetIO();
  const Box rows = context.layout.rows;
  const Box area{0, context.layout.minimap.y1, rows.x1, rows.y1};
  if (!area.contains(io.MousePos) && !context.layout.minimap.contains(io.MousePos)) return;
  if (io.MouseWheelH != 0) {
    remember_burst(view);
    view.time.pan_px(-static_cast<double>(io.MouseWheelH) * static_cast<double>(context.px(60)));
  }
  if (io.MouseWheel == 0) return;
  const auto wheel = static_cast<double>(io.MouseWheel);
  if (io.KeyCtrl) {
    remember_burst(view);
    const auto x = static_cast<double>(std::max(io.MousePos.x - rows.x0, 0.0F));
    view.time.zoom_at(x, std::pow(kWheelZoom, wheel));
  } else if (io.KeyShift) {
    remember_burst(view);
    view.time.pan_px(-wheel * static_cast<double>(context.px(90)));
  } else {
    view.scroll_y -= wheel * static_cast<double>(context.px(kWheelRowsPx));
  }
}

void begin_drag(const PanelContext& context, ViewState& view) {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const Layout& layout = context.layout;
  view.drag_from_x = static_cast<double>(mouse.x);
  view.drag_from_y = static_cast<double>(mouse.y);
  view.drag_range = view.time.visible();
  const float grip = context.px(4);
  const auto content = static_cast<float>(context.input.rows->height());
  const Box rows{0, layout.minimap.y1, layout.rows.x1, layout.rows.y1};
  if (rows.contains(mouse)) give_keys(view, KeysOf::Rows);
  if (const auto finding = minimap_finding(context)) {
    go_to_finding(context, view, *finding);
  } else if (layout.minimap.contains(mouse)) {
    const Box brush = minimap_brush(context, view);
    view.time.remember();
    view.drag_from_ns = minimap_ns(context, mouse.x);
    view.drag = std::abs(mouse.x - brush.x0) <= grip + 2   ? Drag::BrushLeft
                : std::abs(mouse.x - brush.x1) <= grip + 2 ? Drag::BrushRight
                : brush.contains(mouse)                    ? Drag::BrushMove
                                                           : Drag::BrushNew;
  } else if (std::abs(mouse.x - layout.left.x1) < grip && mouse.y > layout.left.y0 &&
             mouse.y < layout.left.y1) {
    view.drag = Drag::LeftColumn;
  } else if (view.findings_pane.open && std::abs(mouse.x - layout.findings.x0) < grip &&
             mouse.y > layout.findings.y0 && mouse.y < layout.findings.y1) {
    view.drag = Drag::Findings;
  } else if (layout.profile.height() > 0 && std::abs(mouse.y - layout.profile.y0) < grip) {
    view.drag = Drag::Profile;
  } else if (layout.drawer.height() > 0 && std::abs(mouse.y - layout.drawer.y0) < grip) {
    view.drag = Drag::Drawer;
  } else if (layout.ruler.contains(mouse)) {
    view.drag = Drag::Measure;
    view.measured.reset();
    view.drag_from_ns = view.time.to_ns(static_cast<double>(mouse.x - layout.ruler.x0));
  } else if (layout.rows.contains(mouse) && mouse.x > layout.rows.x1 - context.px(8) &&
             content > layout.rows.height()) {
    view.drag = Drag::Scrollbar;
  } else if (layout.rows.contains(mouse)) {
    view.drag = Drag::Press;
    view.drag_from_ns = view.time.to_ns(static_cast<double>(mouse.x - layout.rows.x0));
  }
}

void drag_brush(const PanelContext& context, ViewState& view, float x) {
  const std::int64_t now = minimap_ns(context, x);
  TimeRange range = view.drag_range;
  if (view.drag == Drag::BrushMove) {
    range.start_ns += now - view.drag_from_ns;
    range.end_ns += now - view.drag_from_ns;
  } else if (view.drag == Drag::BrushLeft) {
    range.start_ns = std::min(now, range.end_ns - 1);
  } else if (view.drag == Drag::BrushRight) {
    range.end_ns = std::max(now, range.start_ns + 1);
  } else {
    if (std::abs(static_cast<double>(x) - view.drag_from_x) < 3) return;
    range = {std::min(now, view.drag_from_ns), std::max(now, view.drag_from_ns)};
  }
  view.time.show(range);
}

// From a few pixels on it is an area, and the press was none of a click.
void drag_area(const PanelContext& context, ViewState& view) {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const auto from_y = static_cast<float>(view.drag_from_y);
  const bool moved =
      std::abs(mouse.x - static_cast<float>(view.drag_from_x)) >= context.px(kAreaMinPx) ||
      std::abs(mouse.y - from_y) >= context.px(kAreaMinPx);
  if (!moved && view.drag == Drag::Press) return;
  view.drag = Drag::Area;
  const Box rows = context.layout.rows;
  const float x = std::clamp(mouse.x, rows.x0, rows.x1);
  const std::int64_t now = view.time.to_ns(static_cast<double>(x - rows.x0));
  select_area(context, view, {std::min(view.drag_from_ns, now), std::max(view.drag_from_ns, now)},
              std::min(from_y, mouse.y), std::max(from_y, mouse.y));
}

void follow_drag(const PanelContext& context, ViewState& view) {
  const ImGuiIO& io = ImGui::GetIO();
  const Layout& layout = context.layout;
  switch (view.drag) {
    case Drag::None:
      break;
    case Drag::Pan:
      view.time.pan_px(-static_cast<double>(io.MouseDelta.x));
      break;
    case Drag::Measure: {
      const std::int64_t now =
          view.time.to_ns(static_cast<double>(io.MousePos.x - layout.ruler.x0));
      if (std::abs(static_cast<double>(io.MousePos.x) - view.drag_from_x) >= 3) {
        view.measured = TimeRange{view.drag_from_ns, now};
      }
      break;
    }
    case Drag::BrushMove:
    case Drag::BrushLeft:
    case Drag::BrushRight:
    case Drag::BrushNew:
      drag_brush(context, view, io.MousePos.x);
      break;
    case Drag::Press:
    case Drag::Area:
      drag_area(context, view);
      break;
    case Drag::LeftColumn:
      view.left_width =
          std::clamp(io.MousePos.x / context.input.scale, kLeftWidth.min, kLeftWidth.max);
      break;
    case Drag::Findings:
      view.findings_width = std::clamp((layout.findings.x1 - io.MousePos.x) / context.input.scale,
                                       kFindingsWidth.min, kFindingsWidth.max);
      break;
    case Drag::Profile:
      view.profile_height = std::clamp((layout.profile.y1 - io.MousePos.y) / context.input.scale,
                                       kProfileHeight.min, kProfileHeight.max);
      break;
    case Drag::Drawer: {
      // Of it, a finding's part is fixed.
      const float fixed =
          drawer_height(context.session, context.findings(), view) - view.drawer_height;
      view.drawer_height =
          std::clamp((layout.drawer.y1 - io.MousePos.y) / context.input.scale - fixed,
                     kDrawerHeight.min, kDrawerHeight.max);
      break;
    }
    case Drag::Scrollbar: {
      const auto content = static_cast<double>(context.input.rows->height());
      view.scroll_y += static_cast<double>(io.MouseDelta.y) * content /
                       std::max(static_cast<double>(layout.rows.height()), 1.0);
      break;
    }
  }
}

void click(const PanelContext& context, ViewState& view, const ImVec2& mouse) {
  const auto row = row_under(context, view, mouse);
  if (!row) return;
  view.area.reset();
  if (row->is_header()) {
    if (mouse.x < context.layout.rows.x0) toggle_fold(context, view, *row);
    return;
  }
  view.selection = view.hover;
  // On a worker's row a span means its task; the name, or idle time, means the worker.
  if (view.hover.span != kNoSpan) view.selection.worker.reset();
  if (ImGui::GetIO().MouseClickedLastCount[0] != 2) return;
  if (const auto region = selected_region(context.session, view)) {
    view.time.remember();
    view.time.glide_to(with_margin({region->start_ns, region->end_ns}));
  } else if (view.hover.collection) {
    view.time.remember();
    view.time.glide_to(
        with_margin(context.session.memory().collections()[*view.hover.collection].range));
  } else if (view.hover.span != kNoSpan) {
    view.time.remember();
    view.time.glide_to(with_margin(context.session.span_range(view.hover.span)));
  }
}

// What can be done with the row under the pointer.
void open_row_menu(const PanelContext& context, ViewState& view) {
  find_hover(context, view);
  const auto row = row_under(context, view, ImGui::GetIO().MousePos);
  if (!row || view.hover.empty()) return;
  view.selection = view.hover;
  if (view.hover.span != kNoSpan && row->kind != RowKind::Worker) view.selection.worker.reset();
  open_picker(view, PickerKind::RowMenu);
}

}  // namespace

void handle_input(const PanelContext& context, ViewState& view) {
  const ImGuiIO& io = ImGui::GetIO();
  view.time.set_width(static_cast<double>(context.layout.rows.width()));
  const bool free =
      !view.help_open && !over_mark_list(context, view) && !over_wait_for(context, view);
  if (free && view.picker.kind == PickerKind::None) {
    handle_wheel(context, view);
    if (io.MouseClicked[2] && view.drag == Drag::None) {
      view.drag = Drag::Pan;
      view.time.remember();
    }
    if (io.MouseClicked[1]) open_row_menu(context, view);
    if (io.MouseClicked[0] && view.drag == Drag::None) {
      begin_drag(context, view);
      if (view.drag == Drag::None) {
        find_hover(context, view);
        click(context, view, io.MousePos);
      }
    }
  }
  follow_drag(context, view);
  if (view.drag == Drag::Press && !io.MouseDown[0]) {
    view.drag = Drag::None;
    find_hover(context, view);
    click(context, view, io.MousePos);
  }
  reveal(context, view);
  if (!io.MouseDown[0] && !io.MouseDown[2]) view.drag = Drag::None;
  view.animating = view.time.advance(context.input.seconds) || view.animating;
  view.scroll_y = std::clamp(view.scroll_y, 0.0, scroll_max(context));
}

}  // namespace taskscope::viewer
