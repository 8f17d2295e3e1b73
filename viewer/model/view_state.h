// What the person at the window chose: range, scroll, selection, folds, marks, theme.
//
// Owned by the UI thread; panels read it and change it, nothing else does. Nothing in here is
// derived from the session except indices into it, which reset() clears when the session changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "viewer/model/area.h"
#include "viewer/model/call_profile.h"
#include "viewer/model/findings.h"
#include "viewer/model/line_editor.h"
#include "viewer/model/marks.h"
#include "viewer/model/memory_sites.h"
#include "viewer/model/rows.h"
#include "viewer/model/search.h"
#include "viewer/model/session.h"
#include "viewer/model/source_text.h"
#include "viewer/model/start.h"
#include "viewer/model/theme.h"
#include "viewer/model/time_view.h"
#include "viewer/model/view_description.h"

namespace taskscope::viewer {

// What is pointed at or chosen: a task (with one of its spans or regions, perhaps), a worker, or a
// collection of collected memory.
struct Selection {
  TaskIndex task = kNoTask;
  SpanIndex span = kNoSpan;
  std::optional<std::uint32_t> worker = std::nullopt;
  std::optional<RegionAt> region = std::nullopt;       // of the task
  std::optional<std::uint32_t> sample = std::nullopt;  // into samples(), of the task or worker

  std::optional<std::uint32_t> collection = std::nullopt;  // into memory().collections()

  bool empty() const { return task == kNoTask && !worker && !collection; }
  friend bool operator==(const Selection&, const Selection&) = default;
};

// The field at the top. What is typed is searched at once; closing it leaves the hits marked.
struct SearchState {
  LineEditor editor;
  bool open = false;         // it takes the keys
  std::size_t hit = kNoHit;  // the one that is shown, into SearchHits::hits
  int step = 0;              // to be taken once the hits are there
  bool active() const { return !editor.text().empty(); }
};

// A list in front of everything, chosen from by typing, arrows or mouse.
enum class PickerKind : std::uint8_t { None, Commands, Tasks, RowMenu };
struct PickerState {
  PickerKind kind = PickerKind::None;
  LineEditor editor;
  std::size_t chosen = 0;
  std::size_t first = 0;  // that is seen
  float x = 0;            // of a menu: where it was opened
  float y = 0;
};

// The list of what is wrong, at the right of the rows.
struct FindingsPane {
  bool open = false;
  std::string filter;   // one that finding_filters() has
  float scroll = 0;     // px
  bool reveal = false;  // the finding that is read is to be scrolled into view
  bool stop_requested = false;
  bool again_requested = false;  // the whole recording is to be looked at once more
};

// Where samples and waits went by calls, between the rows and the details.
struct ProfilePane {
  bool open = false;
  ProfileOf of = ProfileOf::Cpu;
  ProfileScope scope = ProfileScope::All;  // Task, Group and Worker mean those of the selection
  bool by_total = false;                   // the table is sorted by
  std::vector<std::uint32_t> zoom;         // functions from the root to what fills the width
  std::vector<std::uint32_t> chosen;       // likewise, to what the keys are at
  LineEditor search;
  bool typing = false;     // into the search
  float table_scroll = 0;  // px
  float flame_scroll = 0;  // px
  bool reveal = false;     // what the keys are at is to be scrolled into view
};

// What became of collected objects, in the place of the calls.
struct MemoryPane {
  bool open = false;
  SiteFilter filter = SiteFilter::All;
  std::uint64_t chosen = 0;  // id of the site whose source is shown; 0: the worst
  float scroll = 0;          // px
  bool reveal = false;       // the site that is chosen is to be scrolled into view
};

// Who waits for whom, in front of the rows.
struct WaitForPane {
  bool open = false;
  std::size_t chosen = 0;  // what the keys are at: into the nodes of the graph
  bool reveal = false;     // it is to be scrolled into view
  float scroll_x = 0;      // px
  float scroll_y = 0;
};

// Whose the arrows, Enter and Esc are.
enum class KeysOf : std::uint8_t { Rows, Findings, Calls, Memory, WaitFor };

// What has been found since somebody looked at the findings of a recording under way.
struct FindingNews {
  std::size_t fresh = 0;
  std::string text;  // about the latest; shown while there is time left
  double left_s = 0;
};

// What the mouse holds on to between press and release.
enum class Drag : std::uint8_t {
  None,
  Pan,
  Measure,
  BrushMove,
  BrushLeft,
  BrushRight,
  BrushNew,
  LeftColumn,
  Drawer,
  Findings,  // the edge of their pane
  Profile,   // likewise
  Scrollbar,
  Press,  // on rows: a click if it does not move, else an area
  Area,
};

// What picture of the window is asked for.
enum class SaveAs : std::uint8_t { Nothing, Png, Svg };

struct ViewState {
  Theme theme = Theme::Dark;
  TimeView time;
  double scroll_y = 0;  // px
  ArrangementOptions arrangement;
  std::vector<Pin> pins;
  Folds folds;
  bool show_regions = true;  // in lanes below the spans of their tasks
  bool show_samples = true;  // as marks on the rows of their tasks and workers
  bool rows_dirty = true;    // folds, pins or scale changed: the row list must be rebuilt
  Selection selection;
  Selection hover;                               // of this frame's pointer
  std::optional<Row> hover_row;                  // likewise
  std::optional<std::size_t> hover_use;          // of a thread's row, into Thread::uses
  std::optional<DecisionGroup> hover_decisions;  // of a row that shows decisions
  std::optional<LogLines> hover_logs;            // of a task's row, into its logs
  std::optional<RowSamples> hover_samples;       // of a task's or worker's row
  TaskIndex reveal = kNoTask;                    // to be unfolded and scrolled into view
  std::optional<FoldNames> wanted_folds;         // once the tasks are arranged as they are to be
  std::optional<RowAnchor> anchor;               // to be scrolled to when its row is there
  std::optional<std::size_t> finding;            // the one that is read, into the FindingList
  std::optional<std::int64_t> wanted_finding;    // its id, once it is found
  bool go_to_wanted_finding = false;             // its task and time, too
  std::optional<TimeRange> measured;             // by dragging on the ruler
  std::optional<Area> area;                      // until the rows change
  AreaColumn area_sort = AreaColumn::Total;
  SearchState search;
  PickerState picker;
  std::vector<Mark> marks;  // by time
  MarkList mark_list;
  FindingsPane findings_pane;
  FindingNews finding_news;
  ProfilePane profile;
  WaitForPane wait_for;
  KeysOf keys = KeysOf::Rows;
  MemoryPane memory;
  SourceName wanted_source;    // what a pane would show
  float stacks_scroll = 0;     // px, of the stacks in the drawer
  Selection stacks_of;         // whose they are
  float left_width = 220;      // px at scale 1
  float drawer_height = 156;   // px at scale 1
  float findings_width = 340;  // px at scale 1
  float profile_height = 260;  // px at scale 1
  bool help_open = false;
  Drag drag = Drag::None;
  double drag_from_x = 0;
  std::int64_t drag_from_ns = 0;
  double drag_from_y = 0;
  TimeRange drag_range;
  double last_motion_s = -1e9;  // when a wheel or a key last moved the view
  SaveAs save_as = SaveAs::Nothing;
  std::size_t start_chosen = 0;             // row of the start screen
  std::optional<StartChoice> start_choice;  // made there
  bool start_requested = false;             // to go back there
  bool following = false;                   // the end of a recording under way stays in sight
  bool detach_requested = false;            // from the program that is recorded
  bool copy_requested = false;              // Ctrl+C: the view as text, to the clipboard
  bool paste_requested = false;             // Ctrl+V
  bool quit_requested = false;              // Ctrl+Q
  std::string toast;
  double toast_left_s = 0;
  bool animating = false;  // draw another frame soon

  // For a session that replaces the one before: keeps what is about time and taste.
  void reset(const TraceSession& session);
};

// Adds "only tasks that match"; nothing if it is there already.
void add_filter(ViewState& view, const std::string& query);
// "only tasks: name:reader", "without tasks: name:reader".
std::string filter_text(const std::string& query);
// A query for the tasks that are called like this one.
std::string tasks_like(const Task& task);
// Puts a row on top, or back to where it was.
void toggle_pin(ViewState& view, const Pin& pin);

// Reads a finding of the list: selects its example task, and of that the wait, or whatever it did
// for longest, that the finding is about.
void read_finding(const FindingList& findings, const TraceSession& session, ViewState& view,
                  std::size_t at);
// The finding that is read, while the selection is still what it is about; or nullptr.
const ShownFinding* shown_finding(const FindingList& findings, const ViewState& view);

// The samples of the selected task, or worker.
RowSamples row_samples(const TraceSession& session, const Selection& of);

// The region that is chosen; nothing if there is none.
std::optional<TrackSpan> selected_region(const TraceSession& session, const ViewState& view);

// The range that shows `range` with a margin of 10 % on both sides.
TimeRange with_margin(TimeRange range);

}  // namespace taskscope::viewer
