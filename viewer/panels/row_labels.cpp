#include "viewer/panels/row_labels.h"

#include <fmt/format.h>

#include <cmath>

#include "viewer/model/format.h"
#include "viewer/panels/collector_row.h"
#include "viewer/panels/counter_row.h"
#include "viewer/panels/finding_marks.h"
#include "viewer/panels/region_lanes.h"
#include "viewer/panels/timeline.h"
#include "viewer/panels/widgets.h"

namespace taskscope::viewer {
namespace {

void draw_fold(const PanelContext& context, const Box& box, float x, bool folded) {
  const float middle = std::round((box.y0 + box.y1) / 2);
  const float size = context.px(4);
  const ImU32 color = context.colors.muted;
  if (folded) {
    context.canvas.triangle({x, middle - size}, {x + size + 1, middle}, {x, middle + size}, color);
  } else {
    context.canvas.triangle({x - 1, middle - size / 2}, {x + 2 * size - 1, middle - size / 2},
                            {x + size - 1, middle + size / 2 + 1}, color);
  }
}

void draw_header(const PanelContext& context, const Box& box, float indent, bool folded,
                 const std::string& name, const std::string& beside) {
  Canvas& canvas = context.canvas;
  draw_fold(context, box, box.x0 + indent, folded);
  const Box room{box.x0 + indent + context.px(14), box.y0, box.x1 - context.px(10), box.y1};
  // The name comes first: what stands beside it gets what room is left, or is not there.
  const float name_width = std::ceil(canvas.width(context.fonts().strong, name));
  canvas.label(context.fonts().strong, room, context.colors.text, name);
  const float left = room.width() - name_width - context.px(8);
  if (left < context.px(24)) return;
  canvas.label_right(context.fonts().text, {room.x1 - left, room.y0, room.x1, room.y1},
                     context.colors.muted, beside);
}

// How many and what, and below it where they were started: of two groups of one name, the place
// tells them apart, so it is cut where the file begins.
void draw_group(const PanelContext& context, const Box& box, const TaskSet& set, bool folded) {
  Canvas& canvas = context.canvas;
  const std::string name = fmt::format("{} × {}", count_text(set.size()), set.label);
  if (set.place.empty()) return draw_header(context, box, context.px(14), folded, name, "");
  const float middle = box.y0 + context.px(15);
  draw_fold(context, {box.x0, box.y0, box.x1, middle}, box.x0 + context.px(14), folded);
  const Box room{box.x0 + context.px(28), box.y0 + context.px(1), box.x1 - context.px(10), middle};
  canvas.label(context.fonts().strong, room, context.colors.text, name);
  ImFont* small = context.fonts().small;
  std::string place = set.place;
  std::size_t cut = 0;
  while (canvas.width(small, place) > room.width() && cut + 1 < set.place.size()) {
    ++cut;
    while (cut < set.place.size() && (set.place[cut] & 0xc0) == 0x80) ++cut;
    place = "…" + set.place.substr(cut);
  }
  canvas.label(small, {room.x0, middle - context.px(1), room.x1, box.y1 - context.px(1)},
               context.colors.muted, place);
}

constexpr float kFirstShare = 0.7F;  // of the room for a name and what stands beside it

// What stands in the left column for a task or a worker: its name and its id, or its program, in a
// quieter colour, a bar of shares, the number that matters. An id is cut last, a program first.
struct Item {
  std::string name;
  std::string id;
  std::string program;
  std::string number;
};

void draw_item(const PanelContext& context, const Box& box, const Item& item,
               const ClassTimes& times, std::int64_t whole_ns) {
  Canvas& canvas = context.canvas;
  const float number_width = context.px(46);
  const float bar_width = context.px(44);
  const float pad = context.px(10);
  const float bar_x1 = box.x1 - pad - number_width;
  ImFont* font = context.fonts().text;
  Box room{box.x0 + context.px(28), box.y0, bar_x1 - bar_width - context.px(8), box.y1};
  const std::string id = canvas.fit(font, item.id, room.width() * kFirstShare);
  const float id_width = std::ceil(canvas.width(font, id)) + context.px(5);
  const std::string name = canvas.fit(
      font, item.name, item.program.empty() ? room.width() - id_width : room.width() * kFirstShare);
  canvas.label(font, room, context.colors.text, name);
  room.x0 += std::ceil(canvas.width(font, name)) + context.px(5);
  canvas.label(font, room, context.colors.muted,
               item.program.empty() ? id : canvas.fit(font, item.program, room.width()));
  const float middle = std::round((box.y0 + box.y1) / 2);
  const float half = context.px(3);
  const Box bar{bar_x1 - bar_width, middle - half, bar_x1, middle + half};
  canvas.fill(bar, context.colors.grid);
  draw_share_bar(context, bar, times, whole_ns);
  canvas.label_right(font, {bar_x1, box.y0, box.x1 - pad, box.y1}, context.colors.muted,
                     item.number);
}

void draw_task(const PanelContext& context, const ViewState& view, const Box& box,
               const Task& task) {
  const ClassTimes times = context.session.stage() == SessionStage::Complete
                               ? task.track.times_in(view.time.visible())
                               : approximate_class_times(task.row.state_ns);
  const std::int64_t whole = total(times);
  // Of which program it is stands in the header of its group, if it has one.
  const bool alone = context.session.of_several_programs() &&
                     context.session.groups()[task.group].tasks.size() == 1;
  draw_item(context, box,
            {.name = task.name,
             .id = alone ? "" : fmt::format("{}", store::own_id(task.row.id)),
             .program = alone ? context.session.program_name(store::program_of(task.row.id)) : "",
             .number = whole > 0 ? format_share(blocked_share(times)) : "–"},
            times, whole);
}

void draw_worker(const PanelContext& context, const ViewState& view, const Box& box,
                 const Worker& worker) {
  TimeRange visible = view.time.visible();
  visible.start_ns = std::max<std::int64_t>(visible.start_ns, 0);
  visible.end_ns = std::min(visible.end_ns, context.session.duration_ns());
  ClassTimes times = worker.track.times_in(visible);
  if (context.session.stage() != SessionStage::Complete) {
    visible = {0, context.session.duration_ns()};
    times[index_of(StateClass::Running)] = worker.row.running_ns;
  }
  const std::int64_t whole = visible.length_ns();
  const double busy =
      whole > 0 ? static_cast<double>(total(times)) / static_cast<double>(whole) : 0;
  const std::string number = fmt::format("{}", store::own_worker_id(worker.row.id));
  const store::ProgramId program = store::program_of_worker(worker.row.id);
  draw_item(context, box,
            context.session.of_several_programs()
                ? Item{.name = "w" + number,
                       .id = "",
                       .program = context.session.program_name(program),
                       .number = format_share(busy)}
                : Item{.name = "Worker", .id = number, .program = "", .number = format_share(busy)},
            times, whole);
}

// How much of the visible time it was at work, in tasks or for them.
void draw_thread(const PanelContext& context, const ViewState& view, const Box& box,
                 const Thread& thread) {
  const ClassTimes times = thread.track.times_in(view.time.visible());
  const std::int64_t whole = total(times);
  const std::int64_t awake = whole - times[index_of(StateClass::Sleep)];
  const double busy = whole > 0 ? static_cast<double>(awake) / static_cast<double>(whole) : 0;
  draw_item(context, box,
            {.name = fmt::format("{}", thread.id),
             .id = "",
             .program = "",
             .number = whole > 0 ? format_share(busy) : "–"},
            times, whole);
}

// How many collections are in view, and how much of the time no task ran for them.
void draw_collector_item(const PanelContext& context, const ViewState& view, const Box& box) {
  const TimeRange range = time_in_view(context, view);
  ClassTimes times{};
  times[index_of(StateClass::Gc)] = context.session.memory().paused_ns(range);
  draw_item(context, box,
            {.name = "Collector",
             .id = collections_in_view(context, view),
             .program = "",
             .number = paused_in_view(context, view)},
            times, range.length_ns());
}

void draw_label(const PanelContext& context, const ViewState& view, const Row& row,
                const Box& box) {
  switch (row.kind) {
    case RowKind::WorkersHeader:
      draw_header(context, box, context.px(10), view.folds.workers, "Workers", "busy");
      break;
    case RowKind::ThreadsHeader:
      draw_header(context, box, context.px(10), view.folds.threads,
                  fmt::format("Threads {}", count_text(context.session.threads().size())), "awake");
      break;
    case RowKind::CountersHeader:
      draw_header(context, box, context.px(10), view.folds.counters,
                  fmt::format("Counters {}", context.session.annotations().counters().size()), "");
      break;
    case RowKind::Counter:
      draw_counter_label(context, view, row, box);
      break;
    case RowKind::TasksHeader: {
      const Arrangement& arrangement = *context.input.rows->arrangement();
      const std::string all = count_text(context.session.tasks().size());
      const std::string some = count_text(arrangement.order().size());
      draw_header(
          context, box, context.px(10), view.folds.tasks,
          arrangement.filtered() ? fmt::format("Tasks {} of {}", some, all) : "Tasks " + all,
          "blocked");
      break;
    }
    case RowKind::GroupHeader: {
      const TaskSet& set = context.input.rows->arrangement()->sets()[row.index];
      draw_group(context, box, set, view.folds.groups.contains(set.key));
      break;
    }
    case RowKind::Worker:
      draw_worker(context, view, box, context.session.workers()[row.index]);
      break;
    case RowKind::Queues:
      draw_item(context, box,
                {.name = "Queued",
                 .id = "",
                 .program = "",
                 .number = count_text(context.session.queued().max_in(view.time.visible()))},
                {}, 0);
      break;
    case RowKind::Collector:
      draw_collector_item(context, view, box);
      break;
    case RowKind::Thread:
      draw_thread(context, view, box, context.session.threads()[row.index]);
      break;
    case RowKind::TaskSet:  // in pictures only
      break;
    case RowKind::Task:
      draw_task(context, view, box, context.session.tasks()[row.index]);
      break;
  }
}

// What stands left of a row, as it is selected, pointed at or neither.
void draw_row_label(const PanelContext& context, const ViewState& view, const Row& row) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const Box left = context.layout.left;
  const float y = row_top(context, view, row);
  const Box box{left.x0, y, left.x1 - 1, y + static_cast<float>(row.height)};
  const bool selected = (row.kind == RowKind::Task && view.selection.task == row.index) ||
                        (row.kind == RowKind::Worker && view.selection.worker == row.index);
  const bool hovered = (row.kind == RowKind::Task && view.hover.task == row.index) ||
                       (row.kind == RowKind::Worker && view.hover.worker == row.index) ||
                       ((row.kind == RowKind::Thread || row.kind == RowKind::Counter ||
                         row.kind == RowKind::Collector) &&
                        view.hover_row && view.hover_row->is_same(row));
  if (selected || hovered) canvas.fill(box, colors.raised);
  if (selected) canvas.fill({box.x0, box.y0, box.x0 + context.px(3), box.y1}, colors.accent);
  // The sign of a group stands at its right, where its numbers would be if it had any.
  const ShownFinding* finding = row_finding(context, row);
  Box label = above_lanes(row, box);
  if (finding != nullptr && row.is_header()) label.x1 -= context.px(20);
  draw_label(context, view, row, label);
  if (finding == nullptr) return;
  const float x = row.is_header() ? label.x1 + context.px(2) : label.x0 + context.px(17);
  draw_finding_sign(context, canvas, *finding, {x, (label.y0 + label.y1) / 2},
                    selected || hovered ? colors.raised : colors.panel);
}

}  // namespace

double blocked_share(const ClassTimes& times) {
  const std::int64_t whole = total(times);
  if (whole <= 0) return 0;
  const std::int64_t blocked = times[index_of(StateClass::Channel)] +
                               times[index_of(StateClass::Lock)] +
                               times[index_of(StateClass::Leaked)];
  return static_cast<double>(blocked) / static_cast<double>(whole);
}

void draw_row_labels(const PanelContext& context, const ViewState& view, std::size_t first,
                     std::size_t last) {
  Canvas& canvas = context.canvas;
  const Palette& colors = context.colors;
  const Box left = context.layout.left;
  const Box rows = context.layout.rows;
  canvas.fill(left, colors.panel);
  canvas.push_clip({left.x0, rows.y0, left.x1, rows.y1});
  for (std::size_t at = first; at < last; ++at) {
    draw_row_label(context, view, context.input.rows->row(at));
  }
  canvas.pop_clip();
  const Box pinned = context.layout.pinned;
  if (pinned.height() > 0) {
    canvas.push_clip({left.x0, pinned.y0, left.x1, pinned.y1});
    for (const Row& row : context.input.rows->pinned()) draw_row_label(context, view, row);
    canvas.fill({left.x0, rows.y0 - 1, left.x1, rows.y0}, colors.accent);
    canvas.pop_clip();
  }
  const ImVec2 mouse = ImGui::GetIO().MousePos;
  const bool resizing =
      view.drag == Drag::LeftColumn ||
      (std::abs(mouse.x - left.x1) < context.px(4) && left.contains({1, mouse.y}));
  canvas.fill({left.x1 - 1, left.y0, left.x1, left.y1}, resizing ? colors.accent : colors.border);
  canvas.fill({left.x0, pinned.y0 - 1, left.x1, pinned.y0}, colors.border);
  canvas.label(context.fonts().text,
               {left.x0 + context.px(10), left.y0, left.x1 - context.px(10), pinned.y0},
               colors.muted, duration_text(view.time.visible().length_ns()) + " in view");
}

}  // namespace taskscope::viewer
