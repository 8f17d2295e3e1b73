#include "viewer/panels/commands.h"

#include <algorithm>
#include <array>

#include "viewer/model/pane_sizes.h"
#include "viewer/panels/actions.h"
#include "viewer/panels/findings_pane.h"
#include "viewer/panels/marks_panel.h"
#include "viewer/panels/memory_pane.h"
#include "viewer/panels/messages.h"
#include "viewer/panels/profile_pane.h"
#include "viewer/panels/sample_marks.h"
#include "viewer/panels/stack_column.h"
#include "viewer/panels/wait_for_view.h"

namespace taskscope::viewer {
namespace {

using Section = CommandSection;
using Context = PanelContext;
using S = Shortcut;

constexpr double kKeyZoom = 1.6;
constexpr double kKeyPan = 0.18;  // of the width

constexpr Shortcut on(Key key, std::uint8_t modifiers = S::Plain) { return {key, modifiers, '\0'}; }
constexpr Shortcut on(char typed) { return {Key::None, S::Plain, typed}; }

bool has_task(const Context&, const ViewState& view) { return view.selection.task != kNoTask; }
bool has_span(const Context&, const ViewState& view) { return view.selection.span != kNoSpan; }
bool has_row(const Context&, const ViewState& view) { return selected_pin(view).has_value(); }
bool is_live(const Context& context, const ViewState&) {
  const LiveInfo* live = context.input.live;
  return live != nullptr && live->stage == LiveStage::Recording;
}
bool has_area(const Context&, const ViewState& view) { return view.area.has_value(); }
bool has_search(const Context&, const ViewState& view) {
  return view.search.active() && parse_query(view.search.editor.text()).error.empty();
}
bool has_filter(const Context&, const ViewState& view) { return !view.arrangement.filters.empty(); }
bool has_findings(const Context& context, const ViewState&) { return !context.findings().empty(); }
bool has_finding(const Context& context, const ViewState& view) {
  return view.finding && *view.finding < context.findings().size();
}

const Task& selected_task(const Context& context, const ViewState& view) {
  return context.session.tasks()[view.selection.task];
}

template <int kDirection>
void zoom(const Context&, ViewState& view) {
  remember_burst(view);
  view.time.glide_zoom(kDirection > 0 ? kKeyZoom : 1 / kKeyZoom);
}
template <int kDirection>
void pan(const Context&, ViewState& view) {
  remember_burst(view);
  view.time.glide_pan(kDirection * kKeyPan);
}
template <int kDirection>
void page(const Context& context, ViewState& view) {
  view.scroll_y += kDirection * 0.9 * static_cast<double>(context.layout.rows.height());
}
template <Grouping kGrouping>
void group(const Context&, ViewState& view) {
  view.arrangement.grouping = kGrouping;
}
template <SortBy kSort, StateClass kClass = StateClass::Running>
void sort_rows(const Context&, ViewState& view) {
  view.arrangement.sort = kSort;
  view.arrangement.sort_class = kClass;
}

// The innermost thing that is open or chosen.
void escape(const Context&, ViewState& view) {
  if (view.help_open) {
    view.help_open = false;
  } else if (view.area) {
    view.area.reset();
  } else if (view.measured) {
    view.measured.reset();
  } else if (!view.selection.empty() || view.finding) {
    view.selection = {};
    view.finding.reset();
  } else if (view.search.active()) {
    view.search = {};
  }
}

void fit_the_whole_recording(const Context&, ViewState& view) {
  view.time.remember();
  view.time.glide_to(view.time.whole());
}
void back_in_the_history_of_the_view(const Context&, ViewState& view) { view.time.go_back(); }
void forward_in_the_history(const Context&, ViewState& view) { view.time.go_forward(); }
bool has_marks(const Context&, const ViewState& view) { return !view.marks.empty(); }
void remove_all_marks(const Context&, ViewState& view) { view.marks.clear(); }
void measure_the_selected_span(const Context& context, ViewState& view) {
  view.measured = context.session.span_range(view.selection.span);
}
void row_before(const Context& context, ViewState& view) { move_row(context, view, -1); }
void row_after(const Context& context, ViewState& view) { move_row(context, view, 1); }
void span_before(const Context& context, ViewState& view) { move_span(context, view, -1); }
void span_after(const Context& context, ViewState& view) { move_span(context, view, 1); }
void first_rows(const Context&, ViewState& view) { view.scroll_y = 0; }
void last_rows(const Context& context, ViewState& view) { view.scroll_y = scroll_max(context); }
void fold_or_unfold_the_group(const Context& context, ViewState& view) {
  const Arrangement& arrangement = *context.input.rows->arrangement();
  const auto position = arrangement.position(view.selection.task);
  if (!position || !arrangement.set_at(*position).has_header) return;
  const std::uint32_t key = arrangement.set_at(*position).key;
  if (view.folds.groups.erase(key) == 0) view.folds.groups.insert(key);
  view.rows_dirty = true;
}
void fold_all_groups(const Context& context, ViewState& view) { fold_all(context, view, true); }
void unfold_everything(const Context& context, ViewState& view) { fold_all(context, view, false); }
void fold_or_unfold_workers(const Context& context, ViewState& view) {
  toggle_fold(context, view, {.kind = RowKind::WorkersHeader});
}
void fold_or_unfold_threads(const Context& context, ViewState& view) {
  toggle_fold(context, view, {.kind = RowKind::ThreadsHeader});
}
bool has_counters(const Context& context, const ViewState&) {
  return !context.session.annotations().counters().empty();
}
void fold_or_unfold_counters(const Context& context, ViewState& view) {
  toggle_fold(context, view, {.kind = RowKind::CountersHeader});
}
void fold_or_unfold_tasks(const Context& context, ViewState& view) {
  toggle_fold(context, view, {.kind = RowKind::TasksHeader});
}
void pin_the_row_or_let_it_go(const Context&, ViewState& view) {
  toggle_pin(view, *selected_pin(view));
}
bool has_regions(const Context& context, const ViewState&) {
  return context.session.annotations().lanes() > 0;
}
void show_regions(const Context&, ViewState& view) {
  view.show_regions = !view.show_regions;
  view.hover.region.reset();
  view.selection.region.reset();
  view.rows_dirty = true;
}
bool has_samples(const Context& context, const ViewState&) {
  return !context.session.samples().empty();
}
bool has_row_samples(const Context& context, const ViewState& view) {
  return !row_samples(context.session, view.selection).empty();
}
void show_samples(const Context&, ViewState& view) {
  view.show_samples = !view.show_samples;
  view.hover.sample.reset();
  view.hover_samples.reset();
}
void sample_before(const Context& context, ViewState& view) { step_sample(context, view, -1); }
void sample_after(const Context& context, ViewState& view) { step_sample(context, view, 1); }
bool has_stack(const Context& context, const ViewState& view) {
  return !shown_stacks(context.session, view.selection).empty();
}
void copy_the_stack(const Context& context, ViewState& view) { copy_stacks(context, view); }
void show_profile(const Context& context, ViewState& view) { toggle_profile(context, view); }
template <ProfileOf kOf>
void profile_of(const Context&, ViewState& view) {
  view.profile.open = true;
  view.memory.open = false;
  set_profile(view, kOf, view.profile.scope);
}
void other_profile(const Context&, ViewState& view) {
  const bool cpu = view.profile.of == ProfileOf::Cpu;
  set_profile(view, cpu ? ProfileOf::Waits : ProfileOf::Cpu, view.profile.scope);
}
void next_profile_scope(const Context& context, ViewState& view) {
  step_profile_scope(context, view);
}
bool has_profile(const Context&, const ViewState& view) { return view.profile.open; }
void show_memory(const Context&, ViewState& view) { toggle_memory(view); }
bool has_memory(const Context&, const ViewState& view) { return view.memory.open; }
void next_kind_of_sites(const Context&, ViewState& view) { step_memory_filter(view, 1); }
bool has_collections(const Context& context, const ViewState&) {
  return !context.session.memory().collections().empty();
}
template <int kDirection>
void step_collection(const Context& context, ViewState& view) {
  go_to_collection(context, view, kDirection);
}
void search_the_calls(const Context&, ViewState& view) { open_profile_search(view); }
void whole_flame_graph(const Context&, ViewState& view) {
  view.profile.zoom.clear();
  view.profile.chosen.clear();
}
void resize(float& size, float by, const SizeLimits& limits) {
  size = std::clamp(size + by, limits.min, limits.max);
}
void higher_calls(const Context&, ViewState& view) {
  resize(view.profile_height, 20, kProfileHeight);
}
void lower_calls(const Context&, ViewState& view) {
  resize(view.profile_height, -20, kProfileHeight);
}
bool has_pins(const Context&, const ViewState& view) { return !view.pins.empty(); }
void let_go_of_all_pinned_rows(const Context&, ViewState& view) {
  view.pins.clear();
  view.rows_dirty = true;
}
void only_tasks_like_this(const Context& context, ViewState& view) {
  add_filter(view, tasks_like(selected_task(context, view)));
  view.reveal = view.selection.task;
}
void hide_tasks_like_this(const Context& context, ViewState& view) {
  add_filter(view, "-" + tasks_like(selected_task(context, view)));
  view.selection = {};
}
void remove_the_last_filter(const Context&, ViewState& view) {
  view.arrangement.filters.pop_back();
  view.reveal = view.selection.task;
}
void remove_all_filters(const Context&, ViewState& view) {
  view.arrangement.filters.clear();
  view.reveal = view.selection.task;
}
void wider_names(const Context&, ViewState& view) { resize(view.left_width, 20, kLeftWidth); }
void narrower_names(const Context&, ViewState& view) { resize(view.left_width, -20, kLeftWidth); }
void higher_details(const Context&, ViewState& view) {
  resize(view.drawer_height, 20, kDrawerHeight);
}
void lower_details(const Context&, ViewState& view) {
  resize(view.drawer_height, -20, kDrawerHeight);
}
void search(const Context&, ViewState& view) { open_search(view); }
void next_hit(const Context&, ViewState& view) { step_search(view, 1); }
void hit_before(const Context&, ViewState& view) { step_search(view, -1); }
void only_tasks_that_match_the_search(const Context&, ViewState& view) {
  add_filter(view, view.search.editor.text());
  view.search = {};
}
void clear_the_search(const Context&, ViewState& view) { view.search = {}; }
void go_to_task(const Context&, ViewState& view) { open_picker(view, PickerKind::Tasks); }
void statistics_of_what_is_in_view(const Context& context, ViewState& view) {
  const Box rows = context.layout.rows;
  select_area(context, view, view.time.visible(), rows.y0, rows.y1);
}
void sort_the_statistics_by_the_next_column(const Context&, ViewState& view) {
  const auto next = (static_cast<std::size_t>(view.area_sort) + 1) % kAreaColumns;
  view.area_sort = static_cast<AreaColumn>(next);
}
void show_findings(const Context&, ViewState& view) { toggle_findings(view); }
void who_waits_for_whom(const Context&, ViewState& view) { toggle_wait_for(view); }
void next_finding(const Context& context, ViewState& view) { step_to_finding(context, view, 1); }
void finding_before(const Context& context, ViewState& view) { step_to_finding(context, view, -1); }
void go_to_the_finding(const Context& context, ViewState& view) {
  go_to_finding(context, view, *view.finding);
}
void wider_findings(const Context&, ViewState& view) {
  resize(view.findings_width, 20, kFindingsWidth);
}
void narrower_findings(const Context&, ViewState& view) {
  resize(view.findings_width, -20, kFindingsWidth);
}
void show_commands(const Context&, ViewState& view) { open_picker(view, PickerKind::Commands); }
void show_keys(const Context&, ViewState& view) { view.help_open = !view.help_open; }
void dark_and_light(const Context&, ViewState& view) {
  view.theme = view.theme == Theme::Dark ? Theme::Light : Theme::Dark;
}
void save_a_picture(const Context&, ViewState& view) { view.save_as = SaveAs::Png; }
void save_a_vector_picture(const Context&, ViewState& view) { view.save_as = SaveAs::Svg; }
void copy_what_is_chosen(const Context& context, ViewState& view) {
  if (view.area) {
    copy_statistics(context, view);
  } else {
    view.copy_requested = true;
  }
}
void paste_view(const Context&, ViewState& view) { view.paste_requested = true; }
void show_start(const Context&, ViewState& view) { view.start_requested = true; }
void list_of_marks(const Context&, ViewState& view) { view.mark_list.open = !view.mark_list.open; }
void follow_or_pause(const Context&, ViewState& view) { view.following = !view.following; }
void detach_from_the_program(const Context&, ViewState& view) { view.detach_requested = true; }
void quit(const Context&, ViewState& view) { view.quit_requested = true; }

// One command a line.
// clang-format off
constexpr std::array kCommands = {
    Command{Section::Time, "Zoom in", {on(Key::W)}, nullptr, zoom<1>},
    Command{Section::Time, "Zoom out", {on(Key::S)}, nullptr, zoom<-1>},
    Command{Section::Time, "Earlier", {on(Key::A)}, nullptr, pan<-1>},
    Command{Section::Time, "Later", {on(Key::D)}, nullptr, pan<1>},
    Command{Section::Time, "Fit the selection, or all", {on(Key::F)}, nullptr, fit_selection},
    Command{Section::Time, "Fit the whole recording", {on(Key::F, S::Shift)}, nullptr,
            fit_the_whole_recording},
    Command{Section::Time, "Back in the history of the view",
            {on(Key::Backspace), on(Key::Left, S::Alt)}, nullptr, back_in_the_history_of_the_view},
    Command{Section::Time, "Forward in the history", {on(Key::Right, S::Alt)}, nullptr,
            forward_in_the_history},
    Command{Section::Time, "Set or remove a mark", {on(Key::M)}, nullptr, toggle_mark},
    Command{Section::Time, "Write a note at the mark", {on(Key::N, S::Shift)}, nullptr, write_note},
    Command{Section::Time, "List of marks", {on(Key::M, S::Ctrl)}, nullptr, list_of_marks},
    Command{Section::Time, "Remove all marks", {}, has_marks, remove_all_marks},
    Command{Section::Time, "Measure the selected span", {on(Key::M, S::Shift)}, has_span,
            measure_the_selected_span},

    Command{Section::Rows, "Row before", {on(Key::Up)}, nullptr, row_before},
    Command{Section::Rows, "Row after", {on(Key::Down)}, nullptr, row_after},
    Command{Section::Rows, "Span before", {on(Key::Left)}, has_task, span_before},
    Command{Section::Rows, "Span after", {on(Key::Right)}, has_task, span_after},
    Command{Section::Rows, "Page up", {on(Key::PageUp)}, nullptr, page<-1>},
    Command{Section::Rows, "Page down", {on(Key::PageDown)}, nullptr, page<1>},
    Command{Section::Rows, "First rows", {on(Key::Home)}, nullptr, first_rows},
    Command{Section::Rows, "Last rows", {on(Key::End)}, nullptr, last_rows},
    Command{Section::Rows, "Fold or unfold the group", {on(Key::Enter)}, has_task,
            fold_or_unfold_the_group},
    Command{Section::Rows, "Fold all groups", {on('-')}, nullptr, fold_all_groups},
    Command{Section::Rows, "Unfold everything", {on('+')}, nullptr, unfold_everything},
    Command{Section::Rows, "Fold or unfold workers", {}, nullptr, fold_or_unfold_workers},
    Command{Section::Rows, "Fold or unfold threads", {}, nullptr, fold_or_unfold_threads},
    Command{Section::Rows, "Fold or unfold counters", {}, has_counters, fold_or_unfold_counters},
    Command{Section::Rows, "Fold or unfold tasks", {}, nullptr, fold_or_unfold_tasks},
    Command{Section::Rows, "Pin the row, or let it go", {on(Key::P)}, has_row,
            pin_the_row_or_let_it_go, true, true},
    Command{Section::Rows, "Let go of all pinned rows", {}, has_pins, let_go_of_all_pinned_rows},
    Command{Section::Rows, "Only tasks like this", {on(Key::O)}, has_task, only_tasks_like_this,
            true, true},
    Command{Section::Rows, "Hide tasks like this", {on(Key::H)}, has_task, hide_tasks_like_this,
            true, true},
    Command{Section::Rows, "Remove the last filter", {on(Key::Backspace, S::Ctrl)}, has_filter,
            remove_the_last_filter},
    Command{Section::Rows, "Remove all filters", {}, has_filter, remove_all_filters},
    Command{Section::Rows, "Group tasks by where they were started", {}, nullptr,
            group<Grouping::SpawnSite>},
    Command{Section::Rows, "Group tasks by name", {}, nullptr, group<Grouping::Name>},
    Command{Section::Rows, "Group tasks by who started them", {}, nullptr, group<Grouping::Parent>},
    Command{Section::Rows, "Do not group tasks", {}, nullptr, group<Grouping::None>},
    Command{Section::Rows, "Sort tasks by number", {}, nullptr, sort_rows<SortBy::Id>},
    Command{Section::Rows, "Sort tasks by creation", {}, nullptr, sort_rows<SortBy::Creation>},
    Command{Section::Rows, "Sort tasks by name", {}, nullptr, sort_rows<SortBy::Name>},
    Command{Section::Rows, "Sort tasks by time running, in view", {}, nullptr,
            sort_rows<SortBy::Time, StateClass::Running>},
    Command{Section::Rows, "Sort tasks by time waiting for a worker, in view", {}, nullptr,
            sort_rows<SortBy::Time, StateClass::Runnable>},
    Command{Section::Rows, "Sort tasks by time blocked on channels, in view", {}, nullptr,
            sort_rows<SortBy::Time, StateClass::Channel>},
    Command{Section::Rows, "Sort tasks by time blocked on locks, in view", {}, nullptr,
            sort_rows<SortBy::Time, StateClass::Lock>},
    Command{Section::Rows, "Sort tasks by time in I/O and calls, in view", {}, nullptr,
            sort_rows<SortBy::Time, StateClass::Io>},
    Command{Section::Rows, "Sort tasks by time asleep, in view", {}, nullptr,
            sort_rows<SortBy::Time, StateClass::Sleep>},
    Command{Section::Rows, "Sort tasks by time stuck, in view", {}, nullptr,
            sort_rows<SortBy::Time, StateClass::Leaked>},
    Command{Section::Rows, "Show regions, or hide them", {on(Key::R)}, has_regions, show_regions},
    Command{Section::Rows, "Show samples, or hide them", {on(Key::S, S::Shift)}, has_samples,
            show_samples},
    Command{Section::Rows, "Sample before", {on(',')}, has_row_samples, sample_before},
    Command{Section::Rows, "Sample after", {on('.')}, has_row_samples, sample_after},
    Command{Section::Rows, "Wider names", {on('>')}, nullptr, wider_names},
    Command{Section::Rows, "Narrower names", {on('<')}, nullptr, narrower_names},
    Command{Section::Rows, "Higher details", {}, nullptr, higher_details},
    Command{Section::Rows, "Lower details", {}, nullptr, lower_details},

    Command{Section::Search, "Search", {on('/'), on(Key::F, S::Ctrl)}, nullptr, search},
    Command{Section::Search, "Next hit", {on(Key::F3)}, has_search, next_hit},
    Command{Section::Search, "Hit before", {on(Key::F3, S::Shift)}, has_search, hit_before},
    Command{Section::Search, "Only tasks that match the search", {on(Key::Enter, S::Ctrl)},
            has_search, only_tasks_that_match_the_search},
    Command{Section::Search, "Clear the search", {}, has_search, clear_the_search},
    Command{Section::Search, "Go to task", {on(Key::P, S::Ctrl)}, nullptr, go_to_task},
    Command{Section::Search, "Statistics of what is in view", {on(Key::G)}, nullptr,
            statistics_of_what_is_in_view},
    Command{Section::Search, "Copy the statistics as CSV", {}, has_area, copy_statistics},
    Command{Section::Search, "Sort the statistics by the next column", {on(Key::G, S::Shift)},
            has_area, sort_the_statistics_by_the_next_column},

    Command{Section::Causes, "Who ended this wait", {on('[')}, has_span, follow_waker},
    Command{Section::Causes, "Whose wait this span ended", {on(']')}, has_span, follow_woken},
    Command{Section::Causes, "Who started this task", {on('{')}, has_task, select_parent, true,
            true},
    Command{Section::Causes, "Who waits for whom, or the rows again", {on(Key::W, S::Shift)},
            nullptr, who_waits_for_whom},
    Command{Section::Causes, "Findings: list, keys for it, away", {on(Key::I)}, nullptr,
            show_findings},
    Command{Section::Causes, "Next finding", {on(Key::N)}, has_findings, next_finding},
    Command{Section::Causes, "Finding before", {}, has_findings, finding_before},
    Command{Section::Causes, "Go to the finding that is read", {}, has_finding, go_to_the_finding},
    Command{Section::Causes, "Copy the finding as text", {}, has_finding, copy_finding},
    Command{Section::Causes, "Wider findings", {}, nullptr, wider_findings},
    Command{Section::Causes, "Narrower findings", {}, nullptr, narrower_findings},
    Command{Section::Causes, "Calls: where time went, keys for it, away", {on(Key::C)}, nullptr,
            show_profile},
    Command{Section::Causes, "Calls: processors or waits", {on(Key::C, S::Shift)}, has_profile,
            other_profile},
    Command{Section::Causes, "Calls of all, of the task, of its group", {on(Key::B)}, has_profile,
            next_profile_scope},
    Command{Section::Causes, "Calls that processors worked on", {}, has_samples,
            profile_of<ProfileOf::Cpu>},
    Command{Section::Causes, "Calls that waited", {}, nullptr, profile_of<ProfileOf::Waits>},
    Command{Section::Causes, "Search in the calls", {}, has_profile, search_the_calls},
    Command{Section::Causes, "The whole flame graph", {}, has_profile, whole_flame_graph},
    Command{Section::Causes, "Memory: what escapes, keys for it, away", {on(Key::E)}, nullptr,
            show_memory},
    Command{Section::Causes, "Memory: the next kind of places", {}, has_memory,
            next_kind_of_sites},
    Command{Section::Causes, "Next collection", {on(Key::L)}, has_collections, step_collection<1>},
    Command{Section::Causes, "Collection before", {on(Key::L, S::Shift)}, has_collections,
            step_collection<-1>},
    Command{Section::Causes, "Higher calls", {}, has_profile, higher_calls},
    Command{Section::Causes, "Lower calls", {}, has_profile, lower_calls},
    Command{Section::Causes, "Copy the stack as text", {on(Key::C, S::Ctrl | S::Shift)}, has_stack,
            copy_the_stack},
    Command{Section::Causes, "Clear the selection", {on(Key::Escape)}, nullptr, escape, false},

    Command{Section::Window, "All commands", {on(Key::P, S::Ctrl | S::Shift)}, nullptr,
            show_commands, false},
    Command{Section::Window, "All keys", {on('?')}, nullptr, show_keys, false},
    Command{Section::Window, "Dark and light", {on(Key::T)}, nullptr, dark_and_light, false},
    Command{Section::Window, "Save a picture", {on(Key::S, S::Ctrl)}, nullptr, save_a_picture},
    Command{Section::Window, "Save a picture as SVG", {on(Key::S, S::Ctrl | S::Shift)}, nullptr,
            save_a_vector_picture},
    Command{Section::Window, "Copy the statistics, or this view",
            {on(Key::C, S::Ctrl)}, nullptr, copy_what_is_chosen},
    Command{Section::Window, "Paste a view", {on(Key::V, S::Ctrl)}, nullptr, paste_view},
    Command{Section::Window, "Open something else", {on(Key::O, S::Ctrl)}, nullptr, show_start,
            false},
    Command{Section::Window, "Follow what is recorded, or pause", {on(Key::Space)}, is_live,
            follow_or_pause},
    Command{Section::Window, "Detach from the program", {on(Key::D, S::Ctrl)}, is_live,
            detach_from_the_program},
    Command{Section::Window, "Quit", {on(Key::Q, S::Ctrl)}, nullptr, quit, false},
};
// clang-format on

constexpr std::array kGestures = {
    Gesture{Section::Time, "Ctrl+wheel", "Zoom at the pointer"},
    Gesture{Section::Time, "Middle drag, Shift+wheel", "Earlier and later"},
    Gesture{Section::Time, "Double click", "Zoom to a span"},
    Gesture{Section::Time, "Drag on the ruler", "Measure a distance"},
    Gesture{Section::Time, "Drag on the overview", "Choose the range"},
    Gesture{Section::Rows, "Wheel", "Scroll"},
    Gesture{Section::Rows, "Right click", "Menu of a row"},
    Gesture{Section::Rows, "Click on a heading", "Fold or unfold it"},
    Gesture{Section::Causes, "Enter in the findings", "Go to the one that is read"},
    Gesture{Section::Causes, "Click in the flame graph", "Zoom to a function, or out"},
    Gesture{Section::Causes, "Click", "Select what is under it"},
    Gesture{Section::Causes, "Point at a span", "Arrows from and to its causes"},
    Gesture{Section::Search, "Drag on rows", "Statistics of an area"},
};

const char* key_name(Key key) {
  switch (key) {
    case Key::Escape:
      return "Esc";
    case Key::Backspace:
      return "Backspace";
    case Key::Delete:
      return "Delete";
    case Key::Left:
      return "Left";
    case Key::Right:
      return "Right";
    case Key::Up:
      return "Up";
    case Key::Down:
      return "Down";
    case Key::PageUp:
      return "Page Up";
    case Key::PageDown:
      return "Page Down";
    case Key::Home:
      return "Home";
    case Key::End:
      return "End";
    case Key::Enter:
      return "Enter";
    case Key::Space:
      return "Space";
    case Key::F3:
      return "F3";
    default:
      return "";
  }
}

// Held down, it goes on; what switches something on and off does not.
bool repeats(const Shortcut& shortcut) {
  constexpr std::array kMotions = {Key::W,      Key::S,        Key::A,    Key::D,
                                   Key::Up,     Key::Down,     Key::Left, Key::Right,
                                   Key::PageUp, Key::PageDown, Key::F3,   Key::Backspace};
  const bool motion = std::find(kMotions.begin(), kMotions.end(), shortcut.key) != kMotions.end();
  return motion && (shortcut.modifiers & S::Ctrl) == 0;
}

bool was_pressed(const Shortcut& shortcut) {
  const ImGuiIO& io = ImGui::GetIO();
  if (shortcut.typed != '\0') return !io.KeyCtrl && !io.KeyAlt && typed(shortcut.typed);
  const auto has = [&](Shortcut::Modifiers one) { return (shortcut.modifiers & one) != 0; };
  return io.KeyCtrl == has(S::Ctrl) && io.KeyShift == has(S::Shift) && io.KeyAlt == has(S::Alt) &&
         key_pressed(shortcut.key, repeats(shortcut));
}

// Works while somebody types, too: it is no key of a text.
bool is_no_text(const Shortcut& shortcut) {
  const bool edits =
      shortcut.key == Key::C || shortcut.key == Key::V || shortcut.key == Key::Backspace;
  return shortcut.key == Key::F3 || ((shortcut.modifiers & S::Ctrl) != 0 && !edits);
}

}  // namespace

std::string to_text(const Shortcut& shortcut) {
  if (shortcut.typed != '\0') return std::string(1, shortcut.typed);
  std::string text;
  if ((shortcut.modifiers & S::Ctrl) != 0) text += "Ctrl+";
  if ((shortcut.modifiers & S::Shift) != 0) text += "Shift+";
  if ((shortcut.modifiers & S::Alt) != 0) text += "Alt+";
  const bool letter = shortcut.key >= Key::A && shortcut.key <= Key::Z;
  if (!letter) return text + key_name(shortcut.key);
  return text + static_cast<char>('A' + static_cast<int>(shortcut.key) - static_cast<int>(Key::A));
}

const char* to_text(CommandSection section) {
  constexpr std::array<const char*, kCommandSections> kNames = {"Time", "Rows", "Search", "Causes",
                                                                "Window"};
  return kNames[static_cast<std::size_t>(section)];
}

std::span<const Command> all_commands() { return kCommands; }

std::span<const Gesture> all_gestures() { return kGestures; }

bool is_possible(const Command& command, const PanelContext& context, const ViewState& view) {
  if (command.needs_session && !context.shows_rows()) return false;
  return command.possible == nullptr || command.possible(context, view);
}

std::string keys_text(const Command& command) {
  std::string text;
  for (const Shortcut& shortcut : command.keys) {
    if (shortcut.none()) continue;
    text += (text.empty() ? "" : ", ") + to_text(shortcut);
  }
  return text;
}

void run_shortcuts(const PanelContext& context, ViewState& view, bool typing) {
  for (const Command& command : kCommands) {
    const bool pressed =
        std::any_of(std::begin(command.keys), std::end(command.keys), [&](const Shortcut& key) {
          return !key.none() && (!typing || is_no_text(key)) && was_pressed(key);
        });
    // A page in front hides what commands for the rows would change.
    if (!pressed ||
        (view.help_open && command.section != CommandSection::Window && command.run != escape)) {
      continue;
    }
    if (is_possible(command, context, view)) command.run(context, view);
  }
}

}  // namespace taskscope::viewer
