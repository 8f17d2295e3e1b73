#include "viewer/panels/span_painter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/format.h"
#include "viewer/panels/finding_marks.h"

namespace taskscope::viewer {
namespace {

constexpr float kHatchMinPx = 8;
constexpr float kEdgeMinPx = 6;
constexpr float kLabelMinPx = 24;
constexpr float kFloatPx = 4;
constexpr float kTextPad = 4;
constexpr float kDim = 0.42F;  // what is left of a colour out of focus

class Painter {
 public:
  Painter(const PanelContext& context, const ViewState& view, const Row& row, const Box& box)
      : context_(context),
        view_(view),
        row_(row),
        box_(box),
        focus_(view.hover.task),
        lit_(focus_ == kNoTask ? lit_finding(context, view) : std::nullopt),
        stuck_(row.kind == RowKind::Task && is_stuck(context, row.index)) {}

  void paint(const RowPicture& picture) {
    const PictureColumns columns(view_, picture, box_);
    for (auto cell = columns.first_seen(picture.cells); cell != picture.cells.end(); ++cell) {
      const float x0 = columns.x(cell->first);
      const float x1 = columns.x(cell->last);
      if (x0 >= box_.x1) break;
      if (x1 <= x0) continue;
      if (cell->is_mixture()) {
        paint_mixture(*cell, x0, x1);
      } else {
        paint_span(*cell, x0, x1);
      }
    }
  }

 private:
  void paint_mixture(const Cell& cell, float x0, float x1) {
    const bool of_task = row_.kind == RowKind::Task;
    const bool dim = has_focus() && (of_many_tasks() || (of_task && !in_focus(row_.index)));
    float y = box_.y1;
    for (const StateClass state : kBySeverity) {
      const auto part = static_cast<float>(cell.heights[index_of(state)]);
      if (part <= 0) continue;
      const ImU32 color = context_.colors.state[index_of(state)];
      context_.canvas.fill({x0, y - part, x1, y}, dim ? with_alpha(color, kDim) : color);
      y -= part;
    }
  }

  bool of_many_tasks() const {
    return row_.kind == RowKind::Worker || row_.kind == RowKind::Thread;
  }

  // Of the task under the pointer, or of those that the finding that is read is about.
  bool has_focus() const { return focus_ != kNoTask || lit_; }
  bool in_focus(TaskIndex task) const {
    return focus_ != kNoTask ? task == focus_ : is_lit(context_, *lit_, task);
  }

  // As it was recorded, but for a last wait that has been found to be one for ever.
  StateClass class_of(const Cell& cell) const {
    const bool waits = cell.state_class == StateClass::Channel ||
                       cell.state_class == StateClass::Lock || cell.state_class == StateClass::Io;
    if (!stuck_ || !waits) return cell.state_class;
    const Task& task = context_.session.tasks()[row_.index];
    const bool last = task.last_span_unfinished && cell.span + 1 == task.span_count;
    return last ? StateClass::Leaked : cell.state_class;
  }

  // Whose span the cell is; kNoTask: what a thread does without one.
  TaskIndex task_of(const Cell& cell) const {
    if (row_.kind == RowKind::Worker) return cell.payload;
    if (row_.kind == RowKind::Thread) {
      return context_.session.thread_use(cell.payload, cell.extra).task;
    }
    return row_.index;
  }

  bool is_selected(const Cell& cell, TaskIndex task) const {
    const TraceSession& session = context_.session;
    if (view_.selection.span == kNoSpan || view_.selection.task != task) return false;
    if (row_.kind == RowKind::Worker) {
      return session.worker_span(session.workers()[row_.index], cell.span) == view_.selection.span;
    }
    if (row_.kind == RowKind::Thread) {
      return session.thread_span(session.threads()[row_.index], cell.span) == view_.selection.span;
    }
    return session.tasks()[task].first_span + cell.span == view_.selection.span;
  }

  // A thread that drives a worker, or sleeps.
  void paint_use(const Cell& cell, float x0, float x1) {
    const StateClass state = cell.state_class;
    const ImU32 color = context_.colors.state[index_of(state)];
    const bool dim = has_focus();
    const float height = std::round(box_.height() * height_share(state));
    const Box body{x0, box_.y1 - height, x1, box_.y1};
    context_.canvas.fill(body, dim ? with_alpha(color, kDim) : color);
    if (x1 - x0 >= context_.px(kEdgeMinPx)) {
      context_.canvas.fill({x0, body.y0, x0 + 1, body.y1}, shifted(color, -0.3F));
    }
    if (state != StateClass::Running) return;
    const ThreadUse use = context_.session.thread_use(cell.payload, cell.extra);
    paint_text(fmt::format("worker {}", store::own_worker_id(use.worker)), state, body, dim);
  }

  void paint_span(const Cell& cell, float x0, float x1) {
    const TaskIndex task = task_of(cell);
    if (task == kNoTask) return paint_use(cell, x0, x1);
    const StateClass state = class_of(cell);
    const bool bright = has_focus() && in_focus(task);
    const bool dim = has_focus() && !bright;
    ImU32 color = context_.colors.state[index_of(state)];
    if (bright) color = shifted(color, view_.theme == Theme::Dark ? 0.16F : -0.12F);
    if (dim) color = with_alpha(color, kDim);
    const float height = std::round(box_.height() * height_share(state));
    Box body{x0, box_.y1 - height, x1, box_.y1};
    if (row_.kind == RowKind::Task && context_.session.detail(cell.payload).workerless()) {
      // No worker is under it: it floats above a thin floor.
      context_.canvas.fill({x0, box_.y1 - 1, x1, box_.y1}, color);
      body.y1 -= context_.px(kFloatPx);
    }
    context_.canvas.fill(body, color);
    const float width = x1 - x0;
    if (width >= context_.px(kHatchMinPx) &&
        (state == StateClass::Channel || state == StateClass::Lock)) {
      const Box seen{std::max(body.x0, box_.x0), body.y0, std::min(body.x1, box_.x1), body.y1};
      context_.canvas.hatch(seen, context_.colors.hatch);
    }
    if (width >= context_.px(kEdgeMinPx)) {
      context_.canvas.fill({body.x0, body.y0, body.x0 + 1, body.y1}, shifted(color, -0.3F));
    }
    if (state == StateClass::Leaked) {
      context_.canvas.fill({body.x0, body.y0, body.x1, body.y0 + context_.px(2)},
                           shifted(color, view_.theme == Theme::Dark ? 0.45F : -0.4F));
    }
    if (is_selected(cell, task))
      context_.canvas.frame(body, context_.colors.text, context_.px(1.5F));
    if (height < box_.height()) return;
    paint_label(cell, task, body, dim);
  }

  Box text_room(const Box& body) const {
    const float pad = context_.px(kTextPad);
    return {std::max(body.x0, box_.x0) + pad, body.y0, std::min(body.x1, box_.x1) - pad, body.y1};
  }

  void paint_label(const Cell& cell, TaskIndex task, const Box& body, bool dim) {
    const Box room = text_room(body);
    if (room.width() < context_.px(kLabelMinPx)) return;
    paint_text(
        of_many_tasks() ? context_.session.tasks()[task].label : span_label(cell, room.width()),
        class_of(cell), body, dim);
  }

  void paint_text(const std::string& text, StateClass state, const Box& body, bool dim) {
    const Box room = text_room(body);
    if (room.width() < context_.px(kLabelMinPx)) return;
    ImFont* font = row_.kind == RowKind::Worker ? context_.fonts().text : context_.fonts().small;
    Canvas& canvas = context_.canvas;
    const float pad = context_.px(kTextPad);
    const std::string fitting = canvas.fit(font, text, room.width());
    const float width = std::ceil(canvas.width(font, fitting));
    // Cropped to next to nothing, letters only disturb.
    if (fitting.empty() || (fitting.ends_with("…") && width < context_.px(kLabelMinPx))) return;
    // A dimmed span is nearly the panel's colour, on which the panel's text is readable.
    const ImU32 color = dim ? context_.colors.text : context_.colors.label[index_of(state)];
    if (state == StateClass::Channel || state == StateClass::Lock) {
      // Letters stand on plain colour, not on stripes.
      const float x1 = std::min(room.x0 + width + pad - 1, body.x1);
      const Box plain{room.x0 - pad + 1, body.y0, x1, body.y1};
      const ImU32 body_color = context_.colors.state[index_of(state)];
      canvas.fill(plain, context_.colors.panel);
      canvas.fill(plain, dim ? with_alpha(body_color, kDim) : body_color);
    }
    canvas.label(font, room, color, fitting);
  }

  std::string worker_label(store::WorkerId number, float room_px) const {
    const std::string whole = fmt::format("worker {}", number);
    const bool fits = context_.canvas.width(context_.fonts().small, whole) <= room_px;
    return fits ? whole : fmt::format("w{}", number);
  }

  // Of a span in its task's row.
  std::string span_label(const Cell& cell, float room_px) const {
    const SpanDetail& detail = context_.session.detail(cell.payload);
    switch (class_of(cell)) {
      case StateClass::Running:
        if (detail.workerless()) return "preempted, running on";
        return worker_label(context_.session.worker_number(detail), room_px);
      case StateClass::Io:
        if (detail.state == store::TaskState::Syscall) {
          return detail.workerless() ? "call, handed off" : "call";
        }
        return std::string(trace_format::to_text(detail.reason));
      case StateClass::Channel:
      case StateClass::Lock:
      case StateClass::Leaked: {
        const store::ObjectRow* object = context_.session.find_object(detail);
        const std::string_view reason = trace_format::to_text(detail.reason);
        return object == nullptr || object->name.empty()
                   ? std::string(reason)
                   : fmt::format("{} {}", reason, object->name);
      }
      default:
        return std::string(to_short_text(cell.state_class));
    }
  }

  const PanelContext& context_;
  const ViewState& view_;
  const Row& row_;
  const Box& box_;
  const TaskIndex focus_;
  const std::optional<std::uint32_t> lit_;  // while nothing is pointed at
  const bool stuck_;
};

}  // namespace

float PictureColumns::x(std::int64_t column) const {
  const double x = static_cast<double>(column) * stretch_ - first_column_;
  return box_.x0 +
         static_cast<float>(std::clamp(std::round(x), -4.0, static_cast<double>(box_.width()) + 4));
}

std::vector<Cell>::const_iterator PictureColumns::first_seen(const std::vector<Cell>& cells) const {
  return std::lower_bound(cells.begin(), cells.end(), box_.x0,
                          [&](const Cell& cell, float left) { return x(cell.last) <= left; });
}

float height_share(StateClass state) {
  if (state == StateClass::Runnable) return 0.5F;
  if (state == StateClass::Sleep) return 0.35F;
  return 1;
}

void paint_cells(const PanelContext& context, const ViewState& view, const Row& row,
                 const RowPicture& picture, const Box& box) {
  Painter(context, view, row, box).paint(picture);
}

}  // namespace taskscope::viewer
