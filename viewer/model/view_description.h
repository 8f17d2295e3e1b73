// What of a view outlives the session it was made of: times, ids and tastes, but no index. By it a
// view is told to others, reopened later, and carried over when a recording is read again.
// Pure, UI thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "viewer/model/arrangement.h"
#include "viewer/model/call_profile.h"
#include "viewer/model/memory_sites.h"
#include "viewer/model/rows.h"
#include "viewer/model/session.h"
#include "viewer/model/theme.h"
#include "viewer/model/time_range.h"

namespace taskscope::viewer {

struct ViewState;

// A row by what it shows, whatever stands above it: a worker's, thread's or task's id, or of a
// group's heading the lowest id of its tasks; 0 of the others.
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

// What is folded unlike in initial_folds(). Headings only.
struct FoldNames {
  std::vector<RowName> folded;
  std::vector<RowName> unfolded;
  friend bool operator==(const FoldNames&, const FoldNames&) = default;
};

// Absent range, theme, sizes and pane stay as they are; all else that is absent is as at first.
struct ViewDescription {
  std::optional<TimeRange> range;
  std::optional<store::TaskId> task;           // selected
  std::optional<std::int64_t> span_ns;         // the task's selected span begins here
  std::optional<store::WorkerId> worker;       // selected
  std::optional<std::int64_t> sample_ns;       // the selected sample of the task or worker
  std::optional<store::GcCycleId> collection;  // selected
  std::optional<std::int64_t> finding;         // id of the one that is read
  std::optional<TimeRange> measured;
  std::optional<RowAnchor> top;
  Grouping grouping = Grouping::SpawnSite;
  SortBy sort = SortBy::Id;
  StateClass sort_class = StateClass::Running;  // of Time
  std::vector<std::string> filters;             // queries that tasks in view match
  std::vector<RowName> pins;
  FoldNames folds;
  std::optional<Theme> theme;
  std::optional<float> left_width;  // px at scale 1
  std::optional<float> drawer_height;
  std::optional<float> findings_width;
  std::optional<std::string> findings;  // their pane: "closed", "all", or a filter
  bool regions_hidden = false;
  bool samples_hidden = false;
  struct Profile {
    bool open = false;
    ProfileOf of = ProfileOf::Cpu;
    ProfileScope scope = ProfileScope::All;
    friend bool operator==(const Profile&, const Profile&) = default;
  };
  std::optional<Profile> profile;
  struct MemoryOpen {
    bool open = false;
    SiteFilter filter = SiteFilter::All;
    friend bool operator==(const MemoryOpen&, const MemoryOpen&) = default;
  };
  std::optional<MemoryOpen> memory;
  std::optional<float> profile_height;  // px at scale 1; of both
  bool wait_for = false;                // who waits for whom, in front of the rows

  friend bool operator==(const ViewDescription&, const ViewDescription&) = default;
};

// REQUIRES: rows are of this session.
ViewDescription describe(const TraceSession& session, const ViewState& view, const RowList& rows,
                         float scale);

// Makes the view what was described, selection included. What needs rows waits in ViewState:
// wanted_folds until the tasks are arranged, anchor until the rows are there. Returns a sentence
// about what the recording does not have, or "".
std::string apply(const ViewDescription& wanted, const TraceSession& session, ViewState& view);

// Folds as they were described, of this arrangement. Returns a sentence, too.
std::string apply_folds(const FoldNames& wanted, const Arrangement& arrangement, Folds& folds);

// In px from the top of all rows; nothing if the row is not there, or folded away.
std::optional<double> anchored_scroll(const RowAnchor& anchor, const RowList& rows, float scale);

}  // namespace taskscope::viewer
