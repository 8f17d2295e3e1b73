#include "viewer/panels/tooltip.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "viewer/model/decision_text.h"
#include "viewer/model/format.h"
#include "viewer/panels/collector_row.h"
#include "viewer/panels/counter_row.h"
#include "viewer/panels/finding_marks.h"
#include "viewer/panels/log_marks.h"
#include "viewer/panels/region_lanes.h"
#include "viewer/panels/row_labels.h"
#include "viewer/panels/sample_marks.h"
#include "viewer/panels/stack_column.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

std::string worker_text(const TraceSession& session, const SpanDetail& detail) {
  const store::WorkerId number = session.worker_number(detail);
  return number == store::kNoWorker ? "" : fmt::format(" on worker {}", number);
}

// What the task does in the span, in words.
std::string activity(const TraceSession& session, SpanIndex span) {
  const SpanDetail detail = session.span_detail(span);
  const StateClass state = session.span_class(span);
  if (detail.workerless()) {
    const std::uint64_t thread = session.thread_of(detail);
    const std::string on = thread == 0 ? "" : fmt::format(", on thread {}", thread);
    return (state == StateClass::Running ? "preempted, running on without a worker"
                                         : "in a call, its worker handed off") +
           on;
  }
  if (state == StateClass::Running) return "running" + worker_text(session, detail);
  if (detail.on_thread()) return "in a call" + worker_text(session, detail);
  if (detail.state != store::TaskState::Blocked) return std::string(to_text(state));
  const std::string arms = session.arms_text(span);
  const std::string object = arms.empty() ? session.object_text(detail) : arms;
  const std::string_view reason = trace_format::to_text(detail.reason);
  std::string text = object.empty() ? fmt::format("blocked: {}", reason)
                                    : fmt::format("blocked: {}, {}", reason, object);
  if (state == StateClass::Leaked) text += ", never woken";
  return text;
}

void add_finding(const PanelContext& context, TaskIndex task, TimeRange when,
                 std::vector<NoteLine>& lines) {
  const ShownFinding* finding = finding_at(context, task, when);
  if (finding == nullptr) return;
  for (NoteLine& line : finding_lines(context, *finding)) lines.push_back(std::move(line));
}

std::vector<NoteLine> span_lines(const PanelContext& context, SpanIndex span) {
  const TraceSession& session = context.session;
  const Task& task = session.tasks()[session.span_task(span)];
  const TimeRange range = session.span_range(span);
  const SpanDetail detail = session.span_detail(span);
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
  std::vector<NoteLine> lines{
      {task.label, colors.text, fonts.strong},
      {fmt::format("{}  {}", duration_text(range.length_ns()), activity(session, span)),
       colors.text, fonts.text},
      {last, colors.muted, fonts.text}};
  constexpr std::size_t kCallsShown = 3;
  const auto calls =
      session.stacks().own_calls(session.wait_stack(span), store::StackTable::Inner::CalledOnly);
  for (const std::string& line : call_lines(session.stacks(), calls, kCallsShown)) {
    lines.push_back({line, colors.muted, fonts.text});
  }
  add_finding(context, session.span_task(span), range, lines);
  lines.push_back(
      {"Click: details   Double click: zoom   Right click: more", colors.muted, fonts.small});
  return lines;
}

std::vector<NoteLine> worker_lines(const PanelContext& context, const Worker& worker,
                                   std::int64_t ns) {
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  return {{worker_title(context.session, worker), colors.text, fonts.strong},
          {idle_text(worker, ns), colors.text, fonts.text},
          {fmt::format("took tasks from others {} times", count_text(worker.row.steals)),
           colors.muted, fonts.text},
          {"Click: details", colors.muted, fonts.small}};
}

std::vector<NoteLine> thread_lines(const PanelContext& context, const Thread& thread,
                                   std::optional<std::size_t> use) {
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  std::vector<NoteLine> lines{{fmt::format("Thread {}", thread.id), colors.text, fonts.strong}};
  if (!use) return lines;
  const std::int64_t length = thread.track[*use].length_ns();
  lines.push_back(
      {fmt::format("{}  {}", duration_text(length), thread_use_text(context.session, thread, *use)),
       colors.text, fonts.text});
  return lines;
}

// What the scheduler decided there.
std::vector<NoteLine> mark_lines(const PanelContext& context, const ViewState& view) {
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  const DecisionGroup& group = *view.hover_decisions;
  const Row& row = *view.hover_row;
  const DecisionTrack& track = *row_decisions(context.session, row);
  const std::string who = row.kind == RowKind::Worker
                              ? worker_title(context.session, context.session.workers()[row.index])
                              : "Outside the workers";
  std::vector<NoteLine> lines{{who, colors.text, fonts.strong}};
  for (const std::string& line : decision_lines(context.session, track, group)) {
    lines.push_back({line, colors.text, fonts.text});
  }
  const std::int64_t first_ns = track[group.first].ns;
  const std::int64_t step_ns = view.time.visible().length_ns() / 10;
  std::string when = "at " + format_instant(first_ns, step_ns, step_ns / 1000 + 1);
  if (group.size() > 1) {
    when += fmt::format(", within {}", duration_text(track[group.last - 1].ns - first_ns));
  }
  lines.push_back({when, colors.muted, fonts.text});
  if (group.size() > 1) lines.push_back({"Zoom in to tell them apart", colors.muted, fonts.small});
  return lines;
}

std::vector<NoteLine> region_lines(const PanelContext& context, TaskIndex task,
                                   const RegionAt& at) {
  const Annotations& annotations = context.session.annotations();
  const TrackSpan region = (*annotations.regions_of(task))[at.lane][at.index];
  const RegionDetail& detail = annotations.detail(region.payload);
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  const std::string unknown = unknown_edges_text(detail);
  std::vector<NoteLine> lines{
      {std::string(annotations.region_name(region.payload)), colors.text, fonts.strong},
      {fmt::format("{}  region of {}",
                   unknown.empty() ? duration_text(region.length_ns()) : "length not known",
                   context.session.tasks()[task].label),
       colors.text, fonts.text},
      {context.session.site_text(detail.site_id), colors.muted, fonts.text}};
  if (!unknown.empty()) lines.push_back({unknown, colors.muted, fonts.text});
  lines.push_back({"Click: details   Double click: zoom", colors.muted, fonts.small});
  return lines;
}

std::vector<NoteLine> task_lines(const PanelContext& context, TaskIndex index) {
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  const Task& task = context.session.tasks()[index];
  const ClassTimes times = task.track.times_before(INT64_MAX);
  std::vector<NoteLine> lines{{task.label, colors.text, fonts.strong},
                              {fmt::format("blocked {} of {}", format_share(blocked_share(times)),
                                           duration_text(total(times))),
                               colors.text, fonts.text}};
  const std::string labels = context.session.annotations().labels_text(task.row.label_set_id);
  if (!labels.empty()) lines.push_back({labels, colors.text, fonts.text});
  lines.push_back({fmt::format("started at {}", context.session.site_text(task.row.spawn_site_id)),
                   colors.muted, fonts.text});
  add_finding(context, index, {0, context.session.duration_ns()}, lines);
  lines.push_back({"Click: details   Right click: more", colors.muted, fonts.small});
  return lines;
}

// What a task said there: one line of its log, or how many and the first few.
std::vector<NoteLine> log_lines(const PanelContext& context, const ViewState& view) {
  constexpr std::size_t kShown = 5;
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  const LogTable& logs = context.session.annotations().logs();
  const LogLines& said = *view.hover_logs;
  const std::string& who = context.session.tasks()[view.hover_row->index].label;
  const bool alone = said.size() == 1;
  std::vector<NoteLine> lines{
      {alone ? who + " said" : fmt::format("{} said {} lines", who, count_text(said.size())),
       colors.text, fonts.strong}};
  for (std::size_t at = said.first; at < std::min(said.last, said.first + kShown); ++at) {
    lines.push_back({log_text(logs[at]), colors.text, fonts.text});
  }
  if (said.size() > kShown) {
    lines.push_back(
        {fmt::format("and {} more", count_text(said.size() - kShown)), colors.text, fonts.text});
  }
  const std::int64_t step_ns = view.time.visible().length_ns() / 10;
  std::string when = "at " + format_instant(logs[said.first].ns, step_ns, step_ns / 1000 + 1);
  if (!alone) {
    when += fmt::format(", within {}", duration_text(logs[said.last - 1].ns - logs[said.first].ns));
  }
  lines.push_back({when, colors.muted, fonts.text});
  return lines;
}

std::vector<NoteLine> counter_lines(const PanelContext& context, const ViewState& view,
                                    std::uint32_t index) {
  const NamedCounter& counter = context.session.annotations().counters()[index];
  const Fonts& fonts = context.fonts();
  const Palette& colors = context.colors;
  const ValueTrack::Bounds all = counter.values.bounds();
  const std::string now = counter_text(context, view, counter);
  return {{counter.name, colors.text, fonts.strong},
          {now.empty() ? "no value yet" : now, colors.text, fonts.text},
          {fmt::format("from {} to {} in the recording", value_text(all.low),
                       value_text(counter, all.high)),
           colors.muted, fonts.text}};
}

// Nothing for headings: they say what they are.
std::vector<NoteLine> note_lines(const PanelContext& context, const ViewState& view) {
  if (view.hover_decisions) return mark_lines(context, view);
  if (view.hover_logs) return log_lines(context, view);
  if (view.hover_samples) return sample_lines(context, view);
  if (view.hover.region) return region_lines(context, view.hover.task, *view.hover.region);
  if (view.hover.span != kNoSpan) return span_lines(context, view.hover.span);
  const double x = static_cast<double>(ImGui::GetIO().MousePos.x - context.layout.rows.x0);
  const std::int64_t ns = view.time.to_ns(x);
  const Row& row = *view.hover_row;
  switch (row.kind) {
    case RowKind::Worker:
      return worker_lines(context, context.session.workers()[row.index], ns);
    case RowKind::Thread:
      return thread_lines(context, context.session.threads()[row.index], view.hover_use);
    case RowKind::Counter:
      return counter_lines(context, view, row.index);
    case RowKind::Collector:
      return collector_lines(context, view);
    case RowKind::Task:
      return task_lines(context, row.index);
    case RowKind::Queues: {
      const TimeRange range{ns, std::max(view.time.to_ns(x + 1), ns + 1)};
      const std::string most = count_text(context.session.queued().max_in(range));
      return {{"Run queues", context.colors.text, context.fonts().strong},
              {most + " tasks wait for a worker", context.colors.text, context.fonts().text}};
    }
    default:
      return {};
  }
}

}  // namespace

void draw_tooltip(const PanelContext& context, const ViewState& view) {
  if (!view.hover_row || view.help_open || view.picker.kind != PickerKind::None) return;
  const std::vector<NoteLine> lines = note_lines(context, view);
  if (lines.empty()) return;
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  ImVec2 at{mouse.x + context.px(16), mouse.y + context.px(18)};
  // Above the pointer where there is no room below.
  const float height = context.px(20) * static_cast<float>(lines.size()) + context.px(10);
  if (at.y + height > ImGui::GetIO().DisplaySize.y) at.y = mouse.y - height - context.px(4);
  draw_note(context, at, lines);
}

}  // namespace taskscope::viewer
