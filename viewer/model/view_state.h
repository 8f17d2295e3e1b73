// What the person at the window chose: range, scroll, selection, folds, marks, theme.
//
// Owned by the UI thread; panels read it and change it, nothing else does. Nothing in here is
// derived from the session except indices into it, which reset() clears when the session changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "viewer/model/marks.h"
#include "viewer/model/rows.h"
#include "viewer/model/session.h"
#include "viewer/model/start.h"
#include "viewer/model/theme.h"
#include "viewer/model/time_view.h"
#include "viewer/model/view_description.h"

namespace taskscope::viewer {

// What is pointed at or chosen: a task (with one of its spans, perhaps) or a worker.
struct Selection {
  TaskIndex task = kNoTask;
  SpanIndex span = kNoSpan;
  std::optional<std::uint32_t> worker = std::nullopt;

  bool empty() const { return task == kNoTask && !worker; }
  friend bool operator==(const Selection&, const Selection&) = default;
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
  Scrollbar,
};

// What picture of the window is asked for.
enum class SaveAs : std::uint8_t { Nothing, Png, Svg };

struct ViewState {
  Theme theme = Theme::Dark;
  TimeView time;
  double scroll_y = 0;  // px
  Folds folds;
  bool rows_dirty = true;  // folds or scale changed: the row list must be rebuilt
  Selection selection;
  Selection hover;                               // of this frame's pointer
  std::optional<Row> hover_row;                  // likewise
  std::optional<std::size_t> hover_use;          // of a thread's row, into Thread::uses
  std::optional<DecisionGroup> hover_decisions;  // of a row that shows decisions
  TaskIndex reveal = kNoTask;                    // to be unfolded and scrolled into view
  std::optional<RowAnchor> anchor;               // to be scrolled to when its row is there
  std::optional<std::size_t> finding;  // the one that is read, into TraceSession::findings()
  std::optional<TimeRange> measured;   // by dragging on the ruler
  std::vector<Mark> marks;             // by time
  MarkList mark_list;
  float left_width = 220;     // px at scale 1
  float drawer_height = 156;  // px at scale 1
  bool help_open = false;
  Drag drag = Drag::None;
  double drag_from_x = 0;
  std::int64_t drag_from_ns = 0;
  TimeRange drag_range;
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

// Goes to the finding after the one that is read, and round to the first: selects its example task
// and, if it ends in a wait, that wait. Nothing without findings.
void step_finding(const TraceSession& session, ViewState& view);
// The finding that is read, while the selection is still what it is about; or nullptr.
const store::FindingRow* shown_finding(const TraceSession& session, const ViewState& view);

// The range that shows `range` with a margin of 10 % on both sides.
TimeRange with_margin(TimeRange range);

}  // namespace taskscope::viewer
