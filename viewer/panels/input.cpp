#include "viewer/panels/input.h"

#include <algorithm>
#include <cmath>

#include "viewer/panels/details.h"
#include "viewer/panels/imgui_compat.h"
#include "viewer/panels/messages.h"
#include "viewer/panels/minimap.h"
#include "viewer/panels/timeline.h"

namespace taskscope::viewer {
namespace {

constexpr double kWheelZoom = 1.25;
constexpr double kKeyZoom = 1.6;
constexpr double kKeyPan = 0.18;  // of the width
constexpr float kWheelRowsPx = 57;

double scroll_max(const PanelContext& context) {
  return std::max(0.0, static_cast<double>(context.input.rows->height()) -
                           static_cast<double>(context.layout.rows.height()));
}

void scroll_to(const PanelContext& context, ViewState& view, const Row& row) {
  const double top = static_cast<double>(row.y);
  const double bottom = top + row.height;
  const auto height = static_cast<double>(context.layout.rows.height());
  if (top < view.scroll_y) view.scroll_y = top - row.height;
  if (bottom > view.scroll_y + height) view.scroll_y = bottom + row.height - height;
}

// Unfolds what hides the task; the frame that has its row scrolls there.
void reveal(const PanelContext& context, ViewState& view) {
  if (view.reveal == kNoTask) return;
  const std::uint32_t group = context.session.tasks()[view.reveal].group;
  if (view.folds.tasks || view.folds.groups.contains(group)) {
    view.folds.tasks = false;
    view.folds.groups.erase(group);
    view.rows_dirty = true;
    view.animating = true;
    return;
  }
  const Row* row = context.input.rows->find_task(view.reveal);
  if (row != nullptr) scroll_to(context, view, *row);
  view.reveal = kNoTask;
}

bool typed(char wanted) {
  const ImGuiIO& io = ImGui::GetIO();
  return std::find(io.InputQueueCharacters.begin(), io.InputQueueCharacters.end(),
                   static_cast<ImWchar>(wanted)) != io.InputQueueCharacters.end();
}

void toggle_fold(ViewState& view, const Row& row) {
  if (row.kind == RowKind::WorkersHeader) view.folds.workers = !view.folds.workers;
  if (row.kind == RowKind::ThreadsHeader) view.folds.threads = !view.folds.threads;
  if (row.kind == RowKind::TasksHeader) view.folds.tasks = !view.folds.tasks;
  if (row.kind == RowKind::GroupHeader && view.folds.groups.erase(row.index) == 0) {
    view.folds.groups.insert(row.index);
  }
  view.rows_dirty = true;
}

const Row* row_under(const PanelContext& context, const ViewState& view, float y) {
  const auto at = static_cast<std::int64_t>(y - context.layout.rows.y0 + std::round(view.scroll_y));
  const RowList& rows = *context.input.rows;
  const std::size_t index = rows.row_at(at);
  return index < rows.rows().size() && at >= rows.rows()[index].y ? &rows.rows()[index] : nullptr;
}

void fit(const PanelContext& context, ViewState& view) {
  view.time.remember();
  if (view.selection.span != kNoSpan) {
    view.time.glide_to(with_margin(context.session.span_range(view.selection.span)));
  } else if (view.selection.task != kNoTask &&
             !context.session.tasks()[view.selection.task].track.empty()) {
    const Track& track = context.session.tasks()[view.selection.task].track;
    view.time.glide_to(with_margin({track.start_ns(), track.end_ns()}));
  } else {
    view.time.glide_to(view.time.whole());
  }
}

void move_row(const PanelContext& context, ViewState& view, int step) {
  const auto& rows = context.input.rows->rows();
  const Row* now = view.selection.worker ? context.input.rows->find_worker(*view.selection.worker)
                                         : context.input.rows->find_task(view.selection.task);
  std::ptrdiff_t at = now != nullptr ? now - rows.data() : (step > 0 ? -1 : 0);
  for (at += step; at >= 0 && at < static_cast<std::ptrdiff_t>(rows.size()); at += step) {
    const Row& row = rows[static_cast<std::size_t>(at)];
    if (row.kind != RowKind::Task && row.kind != RowKind::Worker) continue;
    view.selection = {};
    if (row.kind == RowKind::Worker) view.selection.worker = row.index;
    if (row.kind == RowKind::Task) view.selection.task = row.index;
    scroll_to(context, view, row);
    return;
  }
}

void move_span(const PanelContext& context, ViewState& view, int step) {
  if (view.selection.task == kNoTask) return;
  const Task& task = context.session.tasks()[view.selection.task];
  if (task.span_count == 0) return;
  std::int64_t at = 0;
  if (view.selection.span == kNoSpan) {
    const std::size_t first = task.track.first_ending_after(view.time.visible().start_ns);
    at = static_cast<std::int64_t>(std::min<std::size_t>(first, task.span_count - 1));
  } else {
    at = static_cast<std::int64_t>(view.selection.span) - task.first_span + step;
    at = std::clamp<std::int64_t>(at, 0, static_cast<std::int64_t>(task.span_count) - 1);
  }
  select_span(context, view, task.first_span + static_cast<SpanIndex>(at));
}

void toggle_mark(const PanelContext& context, ViewState& view) {
  const Box rows = context.layout.rows;
  const float x = ImGui::GetIO().MousePos.x;
  if (x < rows.x0 || x >= rows.x1) return;
  const std::int64_t ns = view.time.to_ns(static_cast<double>(std::floor(x) - rows.x0));
  const double near = view.time.grid().ns_per_px * 4;
  const auto known = std::find_if(view.marks.begin(), view.marks.end(), [&](const Mark& mark) {
    return std::abs(static_cast<double>(mark.ns - ns)) <= near;
  });
  if (known != view.marks.end()) {
    view.marks.erase(known);
  } else {
    view.marks.push_back({ns});
  }
}

void handle_escape(ViewState& view) {
  if (view.help_open) {
    view.help_open = false;
  } else if (view.measured) {
    view.measured.reset();
  } else {
    view.selection = {};
    view.finding.reset();
  }
}

void handle_keys(const PanelContext& context, ViewState& view) {
  const ImGuiIO& io = ImGui::GetIO();
  if (key_pressed(Key::Escape)) handle_escape(view);
  if (io.KeyCtrl || view.help_open) return;
  if (key_pressed(Key::W)) view.time.glide_zoom(kKeyZoom);
  if (key_pressed(Key::S)) view.time.glide_zoom(1 / kKeyZoom);
  if (key_pressed(Key::A)) view.time.glide_pan(-kKeyPan);
  if (key_pressed(Key::D)) view.time.glide_pan(kKeyPan);
  if (key_pressed(Key::F)) fit(context, view);
  if (key_pressed(Key::Backspace)) view.time.go_back();
  if (key_pressed(Key::M)) toggle_mark(context, view);
  if (key_pressed(Key::N)) step_finding(context.session, view);
  if (key_pressed(Key::Up)) move_row(context, view, -1);
  if (key_pressed(Key::Down)) move_row(context, view, 1);
  if (key_pressed(Key::Left)) move_span(context, view, -1);
  if (key_pressed(Key::Right)) move_span(context, view, 1);
  const auto page = static_cast<double>(context.layout.rows.height()) * 0.9;
  if (key_pressed(Key::PageUp)) view.scroll_y -= page;
  if (key_pressed(Key::PageDown)) view.scroll_y += page;
  if (key_pressed(Key::Home)) view.scroll_y = 0;
  if (key_pressed(Key::End)) view.scroll_y = scroll_max(context);
  if (key_pressed(Key::Enter) && view.selection.task != kNoTask) {
    const std::uint32_t group = context.session.tasks()[view.selection.task].group;
    if (view.folds.groups.erase(group) == 0) view.folds.groups.insert(group);
    view.rows_dirty = true;
  }
  if (typed('[')) follow_waker(context, view);
  if (typed(']')) follow_woken(context, view);
}

void handle_wheel(const PanelContext& context, ViewState& view) {
  const ImGuiIO& io = ImGui::GetIO();
  const Box rows = context.layout.rows;
  const Box area{0, context.layout.minimap.y0, rows.x1, rows.y1};
  if (!area.contains(io.MousePos)) return;
  if (io.MouseWheelH != 0) {
    view.time.pan_px(-static_cast<double>(io.MouseWheelH) * static_cast<double>(context.px(60)));
  }
  if (io.MouseWheel == 0) return;
  const auto wheel = static_cast<double>(io.MouseWheel);
  if (io.KeyCtrl) {
    const auto x = static_cast<double>(std::max(io.MousePos.x - rows.x0, 0.0F));
    view.time.zoom_at(x, std::pow(kWheelZoom, wheel));
  } else if (io.KeyShift) {
    view.time.pan_px(-wheel * static_cast<double>(context.px(90)));
  } else {
    view.scroll_y -= wheel * static_cast<double>(context.px(kWheelRowsPx));
  }
}

void begin_drag(const PanelContext& context, ViewState& view) {
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const Layout& layout = context.layout;
  view.drag_from_x = static_cast<double>(mouse.x);
  view.drag_range = view.time.visible();
  const float grip = context.px(4);
  const auto content = static_cast<float>(context.input.rows->height());
  if (layout.minimap.contains(mouse)) {
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
  } else if (layout.drawer.height() > 0 && std::abs(mouse.y - layout.drawer.y0) < grip) {
    view.drag = Drag::Drawer;
  } else if (layout.ruler.contains(mouse)) {
    view.drag = Drag::Measure;
    view.measured.reset();
    view.drag_from_ns = view.time.to_ns(static_cast<double>(mouse.x - layout.ruler.x0));
  } else if (layout.rows.contains(mouse) && mouse.x > layout.rows.x1 - context.px(8) &&
             content > layout.rows.height()) {
    view.drag = Drag::Scrollbar;
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
    case Drag::LeftColumn:
      view.left_width = std::clamp(io.MousePos.x / context.input.scale, 120.0F, 600.0F);
      break;
    case Drag::Drawer: {
      // Of it, a finding's part is fixed.
      const float fixed = drawer_height(context.session, view) - view.drawer_height;
      view.drawer_height = std::clamp(
          (layout.drawer.y1 - io.MousePos.y) / context.input.scale - fixed, 60.0F, 500.0F);
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
  const Box rows = context.layout.rows;
  if (mouse.y < rows.y0 || mouse.y >= rows.y1) return;
  const Row* row = row_under(context, view, mouse.y);
  if (row == nullptr) return;
  if (row->is_header()) {
    if (mouse.x < rows.x0) toggle_fold(view, *row);
    return;
  }
  view.selection = view.hover;
  // On a worker's row a span means its task; the name, or idle time, means the worker.
  if (view.hover.span != kNoSpan) view.selection.worker.reset();
  if (ImGui::GetIO().MouseDoubleClicked[0] && view.hover.span != kNoSpan) {
    view.time.remember();
    view.time.glide_to(with_margin(context.session.span_range(view.hover.span)));
  }
}

}  // namespace

void handle_global_keys(ViewState& view) {
  const ImGuiIO& io = ImGui::GetIO();
  if (io.KeyCtrl && key_pressed(Key::Q)) view.quit_requested = true;
  if (io.KeyCtrl && key_pressed(Key::S)) view.save_requested = true;
  if (!io.KeyCtrl && key_pressed(Key::T)) {
    view.theme = view.theme == Theme::Dark ? Theme::Light : Theme::Dark;
  }
  if (typed('?')) view.help_open = !view.help_open;
}

void select_task(ViewState& view, TaskIndex task) {
  view.selection = {.task = task};
  view.reveal = task;
}

void select_span(const PanelContext& context, ViewState& view, SpanIndex span) {
  const TaskIndex task = context.session.span_task(span);
  view.selection = {.task = task, .span = span};
  view.reveal = task;
  const TimeRange range = context.session.span_range(span);
  const TimeRange visible = view.time.target();
  if (range.start_ns >= visible.start_ns && range.end_ns <= visible.end_ns) return;
  view.time.remember();
  const std::int64_t length = visible.length_ns();
  if (range.length_ns() > length * 8 / 10) {
    view.time.glide_to(with_margin(range));
  } else {
    const std::int64_t middle = range.start_ns + range.length_ns() / 2;
    view.time.glide_to({middle - length / 2, middle - length / 2 + length});
  }
}

void follow_waker(const PanelContext& context, ViewState& view) {
  if (view.selection.span == kNoSpan) return;
  SpanIndex span = view.selection.span;
  // From a running span the way back leads over the wait that ended before it.
  const TaskIndex task = context.session.span_task(span);
  const SpanIndex first = context.session.tasks()[task].first_span;
  while (context.session.span_detail(span).woken_by == kNoTask && span > first) --span;
  const SpanIndex waker = context.session.waker_span(span);
  if (waker != kNoSpan) {
    select_span(context, view, waker);
  } else {
    show_toast(view, "Nobody is known to have ended a wait of this task before this instant.");
  }
}

void follow_woken(const PanelContext& context, ViewState& view) {
  if (view.selection.span == kNoSpan) return;
  const SpanIndex woken = context.session.woken_span(view.selection.span);
  if (woken != kNoSpan) {
    select_span(context, view, woken);
  } else {
    show_toast(view, "This span ended nobody's wait.");
  }
}

void handle_input(const PanelContext& context, ViewState& view) {
  const ImGuiIO& io = ImGui::GetIO();
  view.time.set_width(static_cast<double>(context.layout.rows.width()));
  handle_keys(context, view);
  if (!view.help_open) {
    handle_wheel(context, view);
    if (io.MouseClicked[2] && view.drag == Drag::None) {
      view.drag = Drag::Pan;
      view.time.remember();
    }
    if (io.MouseClicked[0] && view.drag == Drag::None) {
      begin_drag(context, view);
      if (view.drag == Drag::None) {
        find_hover(context, view);
        click(context, view, io.MousePos);
      }
    }
  }
  follow_drag(context, view);
  reveal(context, view);
  if (!io.MouseDown[0] && !io.MouseDown[2]) view.drag = Drag::None;
  view.animating = view.time.advance(context.input.seconds) || view.animating;
  view.scroll_y = std::clamp(view.scroll_y, 0.0, scroll_max(context));
}

}  // namespace taskscope::viewer
