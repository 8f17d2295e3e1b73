// What of a view outlives the session it was made of: times, ids and tastes, but no index. By it a
// view is told to others, reopened later, and carried over when a recording is read again.
// Pure, UI thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "viewer/model/rows.h"
#include "viewer/model/session.h"
#include "viewer/model/theme.h"
#include "viewer/model/time_range.h"

namespace taskscope::viewer {

struct ViewState;

// A row by what it shows, whatever stands above it: a worker's, thread's or task's id, or of a
// group's heading the id of its first task; 0 of the others.
struct RowName {
  RowKind kind = RowKind::Task;
  std::uint64_t id = 0;
  friend bool operator==(const RowName&, const RowName&) = default;
};

// Where the rows are scrolled to.
struct RowAnchor {
  RowName row;     // the topmost one
  int offset = 0;  // px at scale 1 of it that are scrolled away
  friend bool operator==(const RowAnchor&, const RowAnchor&) = default;
};

// Absent range, theme and sizes stay as they are; all else that is absent is as at first.
struct ViewDescription {
  std::optional<TimeRange> range;
  std::optional<store::TaskId> task;      // selected
  std::optional<std::int64_t> span_ns;    // the task's selected span begins here
  std::optional<store::WorkerId> worker;  // selected
  std::optional<std::int64_t> finding;    // id of the one that is read
  std::optional<TimeRange> measured;
  std::optional<RowAnchor> top;
  // Against initial_folds(). Headings only.
  std::vector<RowName> folded;
  std::vector<RowName> unfolded;
  std::optional<Theme> theme;
  std::optional<float> left_width;  // px at scale 1
  std::optional<float> drawer_height;

  friend bool operator==(const ViewDescription&, const ViewDescription&) = default;
};

ViewDescription describe(const TraceSession& session, const ViewState& view, const RowList& rows,
                         float scale);

// Makes the view what was described, folds and selection included; where the rows are to be
// scrolled to waits in ViewState::anchor until there are rows. Returns a sentence about what the
// recording does not have, or "".
std::string apply(const ViewDescription& wanted, const TraceSession& session, ViewState& view);

// In px from the top of all rows; nothing if the row is not there, or folded away.
std::optional<double> anchored_scroll(const RowAnchor& anchor, const TraceSession& session,
                                      const RowList& rows, float scale);

}  // namespace taskscope::viewer
