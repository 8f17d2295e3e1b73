#include "viewer/panels/tooltip.h"

#include <fmt/format.h>

#include <algorithm>

#include "viewer/model/format.h"
#include "viewer/panels/row_labels.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

std::string worker_text(const SpanDetail& detail) {
  return detail.worker == 0xffff ? "" : fmt::format(" on worker {}", detail.worker);
}

// What the task does in the span, in words.
std::string activity(const TraceSession& session, SpanIndex span) {
  const SpanDetail& detail = session.span_detail(span);
  const StateClass state = session.span_class(span);
  if (detail.workerless()) {
    const std::uint64_t thread = session.thread_of(detail);
    const std::string on = thread == 0 ? "" : fmt::format(", on thread {}", thread);
    return (state == StateClass::Running ? "preempted, running on without a worker"
                                         : "in a call, its worker handed off") +
           on;
  }
  if (state == StateClass::Running) return "running" + worker_text(detail);
  if (detail.on_thread()) return "in a call" + worker_text(detail);
  if (detail.state != store::TaskState::Blocked) return std::string(to_text(state));
  const std::string object = session.object_text(detail);
  const std::string_view reason = trace_format::to_text(detail.reason);
  std::string text = object.empty() ? fmt::format("blocked: {}", reason)
                                    : fmt::format("blocked: {}, {}", reason, object);
  if (state == StateClass::Leaked) text += ", never woken";
  return text;
}

std::vector<NoteLine> span_lines(const PanelContext& context, SpanIndex span) {
  const TraceSession& session = context.session;
  const Task& task = session.tasks()[session.span_task(span)];
  const TimeRange range = session.span_range(span);
  const SpanDetail& detail = session.span_detail(span);
  std::string last = session.span_unfinished(span) ? "still so when the recording ends" : "";
  if (detail.woken_by != kNoTask) {
    last = fmt::format("woken by {}", session.waker_text(span));
  } else if (detail.site_id != 0) {
    last = session.site_text(detail.site_id);
  } else if (last.empty()) {
    last = fmt::format("started at {}", session.site_text(task.row.spawn_site_id));
  }
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  return {{task.label, colors.text, fonts.strong},
          {fmt::format("{}  {}", format_duration(range.length_ns()), activity(session, span)),
           colors.text, fonts.text},
          {last, colors.muted, fonts.text},
          {"Click: details   Double click: zoom   [ ]: causes", colors.muted, fonts.small}};
}

bool within(const std::vector<store::ParkRow>& rows, std::int64_t ns) {
  const auto at = std::lower_bound(
      rows.begin(), rows.end(), ns,
      [](const store::ParkRow& row, std::int64_t begin) { return row.end_ns <= begin; });
  return at != rows.end() && at->start_ns <= ns;
}

// What a worker does at an instant at which it runs nothing.
std::string idle_text(const Worker& worker, std::int64_t ns) {
  std::string text = within(worker.parks, ns)   ? "asleep: nothing to run"
                     : within(worker.spins, ns) ? "looking for work"
                                                : "between two tasks";
  const std::uint64_t thread = worker.thread_at(ns);
  if (thread != 0) text += fmt::format(", on thread {}", thread);
  return text;
}

std::vector<NoteLine> row_lines(const PanelContext& context, const Selection& hover,
                                std::int64_t ns) {
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  if (hover.worker) {
    const Worker& worker = context.session.workers()[*hover.worker];
    return {{fmt::format("Worker {}", worker.row.id), colors.text, fonts.strong},
            {idle_text(worker, ns), colors.text, fonts.text},
            {fmt::format("took tasks from others {} times", format_count(worker.row.steals)),
             colors.muted, fonts.text},
            {"Click: details", colors.muted, fonts.small}};
  }
  const Task& task = context.session.tasks()[hover.task];
  const ClassTimes times = task.track.times_before(INT64_MAX);
  return {{task.label, colors.text, fonts.strong},
          {fmt::format("blocked {} of {}", format_share(blocked_share(times)),
                       format_duration(total(times))),
           colors.text, fonts.text},
          {fmt::format("started at {}", context.session.site_text(task.row.spawn_site_id)),
           colors.muted, fonts.text},
          {"Click: details", colors.muted, fonts.small}};
}

}  // namespace

void draw_tooltip(const PanelContext& context, const ViewState& view) {
  if (view.hover.empty() || view.help_open) return;
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const std::int64_t ns = view.time.to_ns(static_cast<double>(mouse.x - context.layout.rows.x0));
  const std::vector<NoteLine> lines = view.hover.span != kNoSpan
                                          ? span_lines(context, view.hover.span)
                                          : row_lines(context, view.hover, ns);
  ImVec2 at{mouse.x + context.px(16), mouse.y + context.px(18)};
  // Above the pointer where there is no room below.
  if (at.y + context.px(90) > ImGui::GetIO().DisplaySize.y) at.y = mouse.y - context.px(94);
  draw_note(context, at, lines);
}

}  // namespace taskscope::viewer
