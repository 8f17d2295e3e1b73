#include "viewer/panels/actions.h"

#include <algorithm>
#include <cmath>

#include "viewer/panels/messages.h"

namespace taskscope::viewer {
namespace {

constexpr double kBurstSeconds = 0.8;

void scroll_to(const PanelContext& context, ViewState& view, const Row& row) {
  if (row.pinned) return;
  const double top = static_cast<double>(row.y);
  const double bottom = top + row.height;
  const auto height = static_cast<double>(context.layout.rows.height());
  if (top < view.scroll_y) view.scroll_y = top - row.height;
  if (bottom > view.scroll_y + height) view.scroll_y = bottom + row.height - height;
}

// Brings a stretch of time into view, zooming only if it does not fit.
void show_range(ViewState& view, TimeRange range) {
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

}  // namespace

void select_task(ViewState& view, TaskIndex task) {
  view.selection = {.task = task};
  view.reveal = task;
}

void select_span(const PanelContext& context, ViewState& view, SpanIndex span) {
  const TaskIndex task = context.session.span_task(span);
  view.selection = {.task = task, .span = span};
  view.reveal = task;
  show_range(view, context.session.span_range(span));
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

void select_parent(const PanelContext& context, ViewState& view) {
  if (view.selection.task == kNoTask) return;
  const Task& task = context.session.tasks()[view.selection.task];
  const TaskIndex parent = context.session.find_task(task.row.parent_id);
  if (parent != kNoTask) {
    select_task(view, parent);
  } else {
    show_toast(view, "It is not known who started " + task.label + ".");
  }
}

void remember_burst(ViewState& view) {
  const double now = ImGui::GetTime();
  if (now - view.last_motion_s > kBurstSeconds) view.time.remember();
  view.last_motion_s = now;
}

void fit_selection(const PanelContext& context, ViewState& view) {
  view.time.remember();
  if (view.area) {
    view.time.glide_to(with_margin(view.area->time));
  } else if (const auto region = selected_region(context.session, view)) {
    view.time.glide_to(with_margin({region->start_ns, region->end_ns}));
  } else if (view.selection.collection) {
    view.time.glide_to(
        with_margin(context.session.memory().collections()[*view.selection.collection].range));
  } else if (view.selection.span != kNoSpan) {
    view.time.glide_to(with_margin(context.session.span_range(view.selection.span)));
  } else if (view.selection.task != kNoTask &&
             !context.session.tasks()[view.selection.task].track.empty()) {
    const Track& track = context.session.tasks()[view.selection.task].track;
    view.time.glide_to(with_margin({track.start_ns(), track.end_ns()}));
  } else {
    view.time.glide_to(view.time.whole());
  }
}

void go_to_collection(const PanelContext& context, ViewState& view, int step) {
  const std::vector<Collection>& all = context.session.memory().collections();
  if (all.empty()) return;
  const auto count = static_cast<std::int64_t>(all.size());
  const TimeRange visible = view.time.visible();
  std::int64_t at = step > 0 ? 0 : count - 1;
  if (view.selection.collection) {
    at = std::clamp<std::int64_t>(std::int64_t{*view.selection.collection} + step, 0, count - 1);
  } else if (const auto near = context.session.memory().collection_in(
                 {visible.start_ns, (visible.start_ns + visible.end_ns) / 2})) {
    at = *near;
  }
  view.selection = {.collection = static_cast<std::uint32_t>(at)};
  show_range(view, all[static_cast<std::size_t>(at)].range);
}

double scroll_max(const PanelContext& context) {
  return std::max(0.0, static_cast<double>(context.input.rows->height()) -
                           static_cast<double>(context.layout.rows.height()));
}

void move_row(const PanelContext& context, ViewState& view, int step) {
  const RowList& rows = *context.input.rows;
  const auto now = view.selection.worker ? rows.index_of(RowKind::Worker, *view.selection.worker)
                                         : rows.index_of(RowKind::Task, view.selection.task);
  auto at = now ? static_cast<std::int64_t>(*now) : (step > 0 ? -1 : 0);
  for (at += step; at >= 0 && at < static_cast<std::int64_t>(rows.size()); at += step) {
    const Row row = rows.row(static_cast<std::size_t>(at));
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

void reveal(const PanelContext& context, ViewState& view) {
  if (view.reveal == kNoTask) return;
  const RowList& rows = *context.input.rows;
  const auto position = rows.arrangement()->position(view.reveal);
  if (!position) {
    // A filter that was changed just now may let it back in.
    if (context.input.answers->arranging()) return;
    show_toast(view,
               context.session.tasks()[view.reveal].label + " has no row: a filter hides it.");
    view.reveal = kNoTask;
    return;
  }
  const TaskSet& set = rows.arrangement()->set_at(*position);
  if (view.folds.tasks || (set.has_header && view.folds.groups.contains(set.key))) {
    view.folds.tasks = false;
    view.folds.groups.erase(set.key);
    view.rows_dirty = true;
    view.animating = true;
    return;
  }
  if (const auto row = rows.find_task(view.reveal)) scroll_to(context, view, *row);
  view.reveal = kNoTask;
}

void toggle_fold(const PanelContext& context, ViewState& view, const Row& row) {
  if (row.kind == RowKind::WorkersHeader) view.folds.workers = !view.folds.workers;
  if (row.kind == RowKind::ThreadsHeader) view.folds.threads = !view.folds.threads;
  if (row.kind == RowKind::CountersHeader) view.folds.counters = !view.folds.counters;
  if (row.kind == RowKind::TasksHeader) view.folds.tasks = !view.folds.tasks;
  if (row.kind == RowKind::GroupHeader) {
    const std::uint32_t key = context.input.rows->arrangement()->sets()[row.index].key;
    if (view.folds.groups.erase(key) == 0) view.folds.groups.insert(key);
  }
  view.rows_dirty = true;
}

void fold_all(const PanelContext& context, ViewState& view, bool folded) {
  view.folds.groups.clear();
  if (!folded) view.folds = {.grouping = view.folds.grouping, .threads = false};
  for (const TaskSet& set : context.input.rows->arrangement()->sets()) {
    if (folded && set.has_header) view.folds.groups.insert(set.key);
  }
  view.rows_dirty = true;
}

std::optional<Pin> selected_pin(const ViewState& view) {
  if (view.selection.worker) return Pin{RowKind::Worker, *view.selection.worker};
  if (view.selection.task != kNoTask) return Pin{RowKind::Task, view.selection.task};
  return std::nullopt;
}

void select_area(const PanelContext& context, ViewState& view, TimeRange time, float top,
                 float bottom) {
  const Box rows = context.layout.rows;
  const auto content_y = [&](float y) {
    return static_cast<std::int64_t>(std::clamp(y, rows.y0, rows.y1) - rows.y0 +
                                     std::round(view.scroll_y));
  };
  Area area;
  area.time = {std::clamp<std::int64_t>(time.start_ns, 0, context.session.duration_ns()),
               std::clamp<std::int64_t>(time.end_ns, 0, context.session.duration_ns())};
  area.top = content_y(top);
  area.bottom = content_y(bottom);
  // shared: see Area
  area.rows = std::make_shared<const AreaRows>(
      area_rows(*context.input.rows, view.folds, area.top, area.bottom));
  view.area = std::move(area);
}

void copy_statistics(const PanelContext& context, ViewState& view) {
  if (!view.area) return;
  const auto reply = context.input.answers->statistics(*view.area);
  if (!reply.current) return show_toast(view, "The statistics are still being computed.");
  std::vector<ClassStatistics> classes = reply.answer->classes;
  sort_statistics(classes, view.area_sort);
  ImGui::SetClipboardText(statistics_csv(classes).c_str());
  show_toast(view, "The statistics are in the clipboard, as CSV.");
}

void open_search(ViewState& view) {
  view.search.open = true;
  view.search.editor.select_all();
}

void step_search(ViewState& view, int step) {
  if (view.search.active()) view.search.step = step;
}

void open_picker(ViewState& view, PickerKind kind) {
  const bool toggled = view.picker.kind == kind;
  view.picker = {};
  if (toggled) return;
  view.picker.kind = kind;
  view.search.open = false;
  view.picker.x = ImGui::GetIO().MousePos.x;
  view.picker.y = ImGui::GetIO().MousePos.y;
}

}  // namespace taskscope::viewer
