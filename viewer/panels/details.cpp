#include "viewer/panels/details.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "viewer/model/decision_text.h"
#include "viewer/model/format.h"
#include "viewer/panels/actions.h"
#include "viewer/panels/area_table.h"
#include "viewer/panels/collector_row.h"
#include "viewer/panels/finding_marks.h"
#include "viewer/panels/region_lanes.h"
#include "viewer/panels/row_labels.h"
#include "viewer/panels/stack_column.h"
#include "viewer/panels/wait_strip.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

// Lines of "name value" from top to bottom in one column of the drawer.
class Facts {
 public:
  Facts(const PanelContext& context, const Box& column)
      : context_(context), column_(column), y_(column.y0) {}

  void title(const std::string& text, const std::string& aside) {
    Canvas& canvas = context_.canvas;
    const Box line = next(20);
    const std::string shown = canvas.fit(context_.fonts().strong, text, line.width());
    const float width = std::ceil(canvas.width(context_.fonts().strong, shown));
    canvas.label(context_.fonts().strong, line, context_.colors.text, shown);
    if (line.x0 + width + context_.px(40) < line.x1) {
      canvas.label(context_.fonts().text,
                   {line.x0 + width + context_.px(8), line.y0, line.x1, line.y1},
                   context_.colors.muted, aside);
    }
    y_ += context_.px(2);
  }
  void fact(const char* name, const std::string& value) {
    const Box room = named(name);
    context_.canvas.label(context_.fonts().text, room, context_.colors.text, value);
  }
  // True when clicked.
  bool link(const char* name, const std::string& value, const char* hint) {
    const Box room = named(name);
    const float hint_width = *hint == '\0' ? 0 : context_.px(24);
    const bool clicked =
        draw_link(context_, {room.x0, room.y0, room.x1 - hint_width, room.y1}, value);
    if (*hint != '\0') {
      const std::string shown =
          context_.canvas.fit(context_.fonts().text, value, room.width() - hint_width);
      const float x =
          room.x0 + std::ceil(context_.canvas.width(context_.fonts().text, shown)) + context_.px(8);
      context_.canvas.label(context_.fonts().mono, {x, room.y0, room.x1, room.y1},
                            context_.colors.muted, hint);
    }
    return clicked;
  }
  Box next(float height_at_1) {
    const Box line{column_.x0, y_, column_.x1, y_ + context_.px(height_at_1)};
    y_ = line.y1;
    return line;
  }

 private:
  Box named(const char* name) {
    const Box line = next(17);
    const float name_width = context_.px(72);
    context_.canvas.label(context_.fonts().text, {line.x0, line.y0, line.x0 + name_width, line.y1},
                          context_.colors.muted, name);
    return {line.x0 + name_width, line.y0, line.x1, line.y1};
  }

  const PanelContext& context_;
  Box column_;
  float y_;
};

std::string times_text(std::uint64_t count) {
  return count == 0 ? "never" : count == 1 ? "once" : count_text(count) + " times";
}

std::string lifetime_text(const store::TaskRow& row) {
  const std::string from = row.created_ns ? duration_text(*row.created_ns) : "before the recording";
  const std::string to = row.ended_ns ? duration_text(*row.ended_ns) : "still there at the end";
  return from + " – " + to;
}

void draw_task_facts(const PanelContext& context, ViewState& view, const Box& column) {
  const TraceSession& session = context.session;
  const Task& task = session.tasks()[view.selection.task];
  Facts facts(context, column);
  facts.title(task.label, fmt::format("task {}", store::own_id(task.row.id)));
  if (const std::string labels = session.annotations().labels_text(task.row.label_set_id);
      !labels.empty()) {
    facts.fact("labels", labels);
  }
  facts.fact("started at", session.site_text(task.row.spawn_site_id));
  const TaskIndex parent = session.find_task(task.row.parent_id);
  if (parent == kNoTask) {
    facts.fact("started by", store::own_id(task.row.id) == 1 ? "the program" : "unknown");
  } else if (facts.link("started by", session.tasks()[parent].label, "")) {
    select_task(view, parent);
  }
  facts.fact("lived", lifetime_text(task.row));
  facts.fact("wake-ups", count_text(task.row.wakeups));
  facts.fact("stolen", times_text(task.row.steals));
}

void draw_times(const PanelContext& context, const Box& column, const char* title,
                const ClassTimes& times, std::int64_t whole_ns) {
  Canvas& canvas = context.canvas;
  Facts facts(context, column);
  facts.title(title, duration_text(whole_ns));
  const Box line = facts.next(14);
  const Box bar{line.x0, line.y0 + context.px(2), line.x1, line.y1 - context.px(2)};
  canvas.fill(bar, context.colors.grid);
  draw_share_bar(context, bar, times, whole_ns);
  facts.next(4);
  // Two columns of numbers where they fit.
  const bool narrow = column.width() < context.px(400);
  const float half = narrow ? column.width() : std::floor(column.width() / 2);
  float x = column.x0;
  Box row = facts.next(17);
  for (const StateClass state :
       {StateClass::Running, StateClass::Runnable, StateClass::Channel, StateClass::Lock,
        StateClass::Io, StateClass::Sleep, StateClass::Gc, StateClass::Leaked}) {
    const std::int64_t ns = times[index_of(state)];
    if (ns <= 0) continue;
    if (x > column.x0 + half || (narrow && x > column.x0)) {
      x = column.x0;
      row = facts.next(17);
    }
    const float swatch = context.px(9);
    const float middle = std::round((row.y0 + row.y1) / 2);
    canvas.fill({x, middle - context.px(4), x + swatch, middle + context.px(5)},
                context.colors.state[index_of(state)]);
    const Box room{x + swatch + context.px(6), row.y0, x + half - context.px(14), row.y1};
    canvas.label(context.fonts().text, room, context.colors.muted, to_short_text(state));
    canvas.label_right(
        context.fonts().text, {room.x0 + context.px(54), row.y0, room.x1, row.y1},
        context.colors.text,
        fmt::format("{}  {}", duration_text(ns),
                    format_share(static_cast<double>(ns) / static_cast<double>(whole_ns))));
    x += half + 1;
  }
}

std::string object_fact(const TraceSession& session, const SpanDetail& detail) {
  std::string text = session.object_text(detail);
  const store::ObjectRow* object = session.find_object(detail);
  if (object->capacity) {
    text +=
        *object->capacity == 0 ? ", unbuffered" : fmt::format(", capacity {}", *object->capacity);
  }
  return text;
}

std::string span_title(const TraceSession& session, SpanIndex span) {
  const SpanDetail detail = session.span_detail(span);
  if (detail.state == store::TaskState::Syscall) return "in a call";
  if (detail.workerless()) return "running, preempted";
  return std::string(to_text(session.span_class(span)));
}

void draw_span_facts(const PanelContext& context, ViewState& view, const Box& column) {
  const TraceSession& session = context.session;
  const SpanIndex span = view.selection.span;
  const SpanDetail detail = session.span_detail(span);
  const TimeRange range = session.span_range(span);
  const bool blocked = detail.state == store::TaskState::Blocked;
  const bool unfinished = session.span_unfinished(span);
  Facts facts(context, column);
  facts.title(span_title(session, span),
              duration_text(range.length_ns()) + (unfinished ? ", unfinished" : ""));
  if (blocked) facts.fact("reason", std::string(trace_format::to_text(detail.reason)));
  if (session.find_object(detail) != nullptr) facts.fact("on", object_fact(session, detail));
  if (const std::string arms = session.arms_text(span); !arms.empty()) facts.fact("on", arms);
  if (const std::string chosen = session.chosen_text(span); !chosen.empty()) {
    facts.fact("ended by", chosen);
  }
  const bool call = detail.state == store::TaskState::Syscall;
  if (detail.site_id != 0) {
    facts.fact(call ? "called at" : "waits at", session.site_text(detail.site_id));
  }
  if (const std::string in = session.annotations().regions_text(
          session.span_task(span), (range.start_ns + range.end_ns) / 2);
      !in.empty()) {
    facts.fact("region", in);
  }
  facts.fact("from", format_instant(range.start_ns, view.time.visible().length_ns() / 10,
                                    range.length_ns() / 100 + 1));
  if (detail.on_thread()) {
    facts.fact("worker", !detail.workerless() ? fmt::format("{}", session.worker_number(detail))
                         : call               ? "none: it was handed off"
                                : "none: it was taken away, the task goes on without");
    if (const std::uint64_t thread = session.thread_of(detail)) {
      facts.fact("thread", fmt::format("{}", thread));
    }
  }
  if (detail.woken_by != kNoTask) {
    if (facts.link("woken by", session.waker_text(span), "[")) follow_waker(context, view);
  } else if (blocked) {
    facts.fact("woken by", session.waker_text(span));
  }
  const SpanIndex woken = session.woken_span(span);
  if (woken != kNoSpan && !blocked) {
    const Task& other = session.tasks()[session.span_task(woken)];
    if (facts.link("woke", other.label, "]")) follow_woken(context, view);
  }
}

void draw_region_facts(const PanelContext& context, const ViewState& view, const TrackSpan& region,
                       const Box& column) {
  const TraceSession& session = context.session;
  const Annotations& annotations = session.annotations();
  const RegionDetail& detail = annotations.detail(region.payload);
  const std::string unknown = unknown_edges_text(detail);
  Facts facts(context, column);
  facts.title(std::string(annotations.region_name(region.payload)),
              unknown.empty() ? duration_text(region.length_ns()) : "length not known");
  facts.fact("region in", annotations.regions_text(view.selection.task, region.start_ns));
  facts.fact("opened at", session.site_text(detail.site_id));
  const std::int64_t step_ns = view.time.visible().length_ns() / 10;
  const std::int64_t shown_ns = region.length_ns() / 100 + 1;
  facts.fact("from", detail.start_known ? format_instant(region.start_ns, step_ns, shown_ns)
                                        : "before what was recorded, or lost");
  facts.fact("to", detail.end_known ? format_instant(region.end_ns, step_ns, shown_ns)
                                    : "not ended when its task did, or lost");
  const Track& track = session.tasks()[view.selection.task].track;
  const ClassTimes times = track.times_in({region.start_ns, region.end_ns});
  facts.fact("running", duration_text(times[index_of(StateClass::Running)]));
  facts.fact("blocked", format_share(blocked_share(times)));
}

std::string driver_text(const Worker& worker) {
  if (worker.row.thread_id == 0) return "unknown";
  std::string text = fmt::format("{}", worker.row.thread_id);
  if (worker.drives.size() > 1)
    text += fmt::format(" at last, handed over {}", times_text(worker.drives.size() - 1));
  return text;
}

void draw_worker_facts(const PanelContext& context, const Worker& worker, const Box& column) {
  Facts facts(context, column);
  facts.title(worker_title(context.session, worker), "");
  const auto duration =
      static_cast<double>(std::max<std::int64_t>(context.session.duration_ns(), 1));
  facts.fact(
      "busy",
      fmt::format("{}  {}", format_share(static_cast<double>(worker.row.running_ns) / duration),
                  duration_text(worker.row.running_ns)));
  if (worker.row.syscall_ns > 0) facts.fact("in calls", duration_text(worker.row.syscall_ns));
  if (worker.row.spinning_ns > 0) {
    facts.fact("looking", fmt::format("{}, {}", duration_text(worker.row.spinning_ns),
                                      times_text(worker.idle.spins)));
  }
  facts.fact("parked", fmt::format("{}, {}", duration_text(worker.row.parked_ns),
                                   times_text(worker.idle.parks)));
  facts.fact("steals", count_text(worker.row.steals));
  facts.fact("events", count_text(worker.row.events));
  facts.fact("thread", driver_text(worker));
  std::uint64_t lost = 0;
  for (const store::LostRow& row : worker.lost) lost += row.events;
  if (lost > 0) facts.fact("lost", count_text(lost) + " events");
}

// px at scale 1: a sentence, and two lines of detail if there is any.
float finding_height(const ShownFinding& finding) { return finding.row.detail.empty() ? 28 : 62; }

// What the list of findings does not say already.
const ShownFinding* strip_finding(const FindingList& findings, const ViewState& view) {
  return view.findings_pane.open ? nullptr : shown_finding(findings, view);
}

// Its sentence, then what else is known, quieter.
void draw_finding(const PanelContext& context, const ShownFinding& finding, const Box& strip) {
  Canvas& canvas = context.canvas;
  const float pad = context.px(12);
  canvas.fill(strip, context.colors.raised);
  canvas.fill({strip.x0, strip.y0, strip.x0 + context.px(3), strip.y1},
              finding_color(context, finding));
  canvas.fill({strip.x0, strip.y1 - 1, strip.x1, strip.y1}, context.colors.border);
  Box line{strip.x0 + pad + context.px(20), strip.y0 + context.px(5), strip.x1 - pad,
           strip.y0 + context.px(23)};
  draw_finding_sign(context, canvas, finding,
                    {strip.x0 + pad + context.px(6), (line.y0 + line.y1) / 2},
                    context.colors.raised);
  canvas.label(context.fonts().strong, line, context.colors.text, finding.row.summary);
  const std::vector<std::string> lines =
      canvas.wrap(context.fonts().text, finding.row.detail, line.width());
  for (std::size_t at = 0; at < std::min<std::size_t>(lines.size(), 2); ++at) {
    line.y0 = line.y1;
    line.y1 += context.px(17);
    canvas.label(context.fonts().text, line, context.colors.muted,
                 at == 1 && lines.size() > 2 ? lines[at] + " …" : lines[at]);
  }
}

void draw_selected_sample(const PanelContext& context, ViewState& view, const Box& column) {
  const TraceSession& session = context.session;
  const Sample& sample = session.samples()[*view.selection.sample];
  Facts facts(context, column);
  facts.title("Sample", "what a processor worked on");
  const std::int64_t step_ns = view.time.visible().length_ns() / 10;
  facts.fact("at", format_instant(sample.ns, step_ns, step_ns / 1000 + 1));
  if (sample.task == kNoTask) {
    facts.fact("for", "no task: the scheduler");
  } else if (facts.link("for", session.tasks()[sample.task].label, "")) {
    select_task(view, sample.task);
  }
  facts.fact("on", sample.worker == SampleTable::kNone
                       ? "a thread without a worker"
                       : worker_title(session, session.workers()[sample.worker]));
}

void draw_collection(const PanelContext& context, ViewState& view, const Box& left,
                     const Box& right) {
  const TraceSession& session = context.session;
  const Collection& collection = session.memory().collections()[*view.selection.collection];
  const store::GcCycleRow& row = collection.row;
  const auto amount = [](const std::optional<std::uint64_t>& bytes) {
    return bytes ? bytes_text(*bytes) : std::string("unknown");
  };
  Facts facts(context, left);
  facts.title(collection_title(collection), duration_text(collection.range.length_ns()));
  facts.fact("because", !row.forced   ? "unknown: it began before the recording"
                        : *row.forced ? "the program asked for it"
                                      : "the heap came to its goal, " + amount(row.goal_bytes));
  const TaskIndex task = session.find_task(row.task_id);
  if (task != kNoTask && facts.link("by", session.tasks()[task].label, "")) {
    select_task(view, task);
  }
  facts.fact("heap", collection_amounts(collection));
  if (row.live_objects) facts.fact("lives", count_text(*row.live_objects) + " objects");
  facts.fact("next at", amount(row.next_goal_bytes));
  const std::int64_t step_ns = view.time.visible().length_ns() / 10;
  facts.fact("from", row.start_ns ? format_instant(*row.start_ns, step_ns, step_ns / 1000 + 1)
                                  : "before what was recorded");
  Facts times(context, right);
  times.title("Its phases", "");
  times.fact("pauses", pauses_text(collection));
  for (const store::GcPhase phase :
       {store::GcPhase::Handshake, store::GcPhase::Mark, store::GcPhase::Sweep,
        store::GcPhase::Destroy, store::GcPhase::Assist}) {
    if (collection.ns_of(phase) == 0) continue;
    std::string text = duration_text(collection.ns_of(phase));
    if (phase == store::GcPhase::Assist) text += fmt::format(", {} times", collection.assists);
    times.fact(to_text(phase).data(), text);
  }
}

// Of what is selected: facts of the task or worker, its times, those of the span, and stacks.
void draw_columns(const PanelContext& context, ViewState& view, const Box& drawer) {
  const TraceSession& session = context.session;
  const bool stacks = !shown_stacks(session, view.selection).empty();
  const float pad = context.px(12);
  // Names of functions are long.
  const float columns = stacks ? 4.5F : 3;
  const float gaps = stacks ? 5 : 4;
  const float width = std::floor((drawer.width() - gaps * pad) / columns);
  const auto column = [&](int at) {
    const float x = drawer.x0 + pad + static_cast<float>(at) * (width + pad);
    return Box{x, drawer.y0 + context.px(8), at == 3 ? drawer.x1 - pad : x + width, drawer.y1};
  };
  const bool of_task = view.selection.task != kNoTask && !view.selection.worker;
  if (view.selection.worker) {
    const Worker& worker = session.workers()[*view.selection.worker];
    draw_worker_facts(context, worker, column(0));
    ClassTimes times{};
    times[index_of(StateClass::Running)] = worker.row.running_ns;
    times[index_of(StateClass::Io)] = worker.row.syscall_ns;
    draw_times(context, column(1), "Time busy", times, session.duration_ns());
  } else if (of_task) {
    const Task& task = session.tasks()[view.selection.task];
    const ClassTimes times = session.stage() == SessionStage::Complete
                                 ? task.track.times_before(INT64_MAX)
                                 : approximate_class_times(task.row.state_ns);
    draw_task_facts(context, view, column(0));
    draw_times(context, column(1), "Time per state", times, total(times));
  }
  if (view.selection.collection) draw_collection(context, view, column(0), column(1));
  if (stacks) draw_stack_column(context, view, column(3));
  if (view.selection.sample) {
    draw_selected_sample(context, view, column(2));
  } else if (!of_task) {
    return;
  } else if (const auto region = selected_region(session, view)) {
    draw_region_facts(context, view, *region, column(2));
  } else if (view.selection.span != kNoSpan) {
    draw_span_facts(context, view, column(2));
  } else if (!context.input.footer) {
    const Box hint = column(2);
    context.canvas.label(context.fonts().text,
                         {hint.x0, hint.y0, hint.x1, hint.y0 + context.px(20)},
                         context.colors.muted, "Click a span to see why it was and who ended it.");
  }
}

bool shows_chain(const TraceSession& session, const ViewState& view) {
  return !view.area && view.selection.span != kNoSpan && !view.selection.region &&
         has_wait_chain(session, view.selection.span);
}

}  // namespace

float drawer_height(const TraceSession& session, const FindingList& findings,
                    const ViewState& view) {
  const ShownFinding* finding = strip_finding(findings, view);
  // It does not open over the rows that an area is just being dragged over.
  const bool area = view.area.has_value() && view.drag != Drag::Area;
  const bool open = area || !view.selection.empty();
  return (finding == nullptr ? 0 : finding_height(*finding)) +
         (shows_chain(session, view) ? kChainStripHeight : 0) + (open ? view.drawer_height : 0);
}

void draw_details(const PanelContext& context, ViewState& view) {
  Box drawer = context.layout.drawer;
  if (drawer.height() <= 0) return;
  Canvas& canvas = context.canvas;
  canvas.fill(drawer, context.colors.panel);
  canvas.fill({drawer.x0, drawer.y0, drawer.x1, drawer.y0 + 1},
              view.drag == Drag::Drawer ? context.colors.accent : context.colors.border);
  canvas.push_clip(drawer);
  if (const ShownFinding* finding = strip_finding(context.findings(), view)) {
    const float bottom = drawer.y0 + 1 + context.px(finding_height(*finding) - 1);
    draw_finding(context, *finding, {drawer.x0, drawer.y0 + 1, drawer.x1, bottom});
    drawer.y0 = bottom;
  }
  if (shows_chain(context.session, view)) {
    const float bottom = drawer.y0 + context.px(kChainStripHeight);
    draw_wait_chain(context, view, {drawer.x0, drawer.y0 + 1, drawer.x1, bottom});
    drawer.y0 = bottom;
  }
  if (view.area) {
    draw_area_table(context, view, drawer);
    canvas.pop_clip();
    return;
  }
  draw_columns(context, view, drawer);
  canvas.pop_clip();
}

}  // namespace taskscope::viewer
