// The list of rows below the ruler: group headers, workers, tasks; where each stands and how to
// find the visible ones without looking at the others. A million tasks of one group cost as much
// as one: rows that follow each other and are alike are one section, and a row is made when it is
// asked for. Built when the arrangement of tasks, the scale, a pin or a fold changes, not per
// frame. Owned by the UI thread.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "viewer/model/arrangement.h"
#include "viewer/model/session.h"

namespace taskscope::viewer {

enum class RowKind : std::uint8_t {
  WorkersHeader,
  ThreadsHeader,
  CountersHeader,
  TasksHeader,
  GroupHeader,
  Worker,
  Queues,
  Collector,
  Thread,
  Counter,
  Task,
  TaskSet,  // only in pictures: a set that is no group of the session
};

struct Row {
  RowKind kind = RowKind::Task;
  std::uint32_t index = 0;  // of the worker, thread, counter or task; of a group header: of the set
  std::int64_t y = 0;       // px from the top of all rows; if pinned: of all pinned rows
  int height = 0;           // px, without the gap to the next row
  bool pinned = false;
  int below = 0;  // px of the height, below the spans: lanes of a task's regions

  bool is_header() const {
    return kind == RowKind::WorkersHeader || kind == RowKind::ThreadsHeader ||
           kind == RowKind::CountersHeader || kind == RowKind::TasksHeader ||
           kind == RowKind::GroupHeader;
  }
  // Decisions of the scheduler have a lane above what else is drawn.
  bool has_decisions() const { return kind == RowKind::Worker || kind == RowKind::Queues; }
  bool is_same(const Row& other) const { return kind == other.kind && index == other.index; }
};

// Heights in px at scale 1.
inline constexpr int kGroupRowHeight = 28;
inline constexpr int kDecisionLane = 8;  // above a worker's spans
inline constexpr int kWorkerRowHeight = 26;
inline constexpr int kCollectorRowHeight = 22;
inline constexpr int kCounterRowHeight = 30;
inline constexpr int kCounterPadding = 3;  // above its curve
inline constexpr int kTaskRowHeight = 18;
inline constexpr int kHeaderPadding = 4;  // above a group's chart
inline constexpr int kRowGap = 1;

// What is folded away. Group folds hold keys of task sets.
struct Folds {
  Grouping grouping = Grouping::SpawnSite;  // that the keys are of
  bool workers = false;
  bool threads = true;
  bool counters = false;
  bool tasks = false;
  std::set<std::uint32_t> groups;
};

// Many tasks start folded: groups of more than 24 tasks in sessions of more than 100.
Folds initial_folds(const Arrangement& arrangement);

// A row that stays on top whatever is scrolled.
struct Pin {
  RowKind kind = RowKind::Task;  // Task, Worker, Thread or Queues
  std::uint32_t index = 0;

  friend bool operator==(const Pin&, const Pin&) = default;
};

class RowList {
 public:
  RowList() = default;
  // All rows of tasks have so many lanes for regions below their spans.
  RowList(ArrangementPtr arrangement, const Folds& folds, const std::vector<Pin>& pins, float scale,
          std::size_t region_lanes = 0);

  std::int64_t height() const { return height_; }
  std::size_t size() const { return size_; }
  Row row(std::size_t at) const;  // REQUIRES: at < size()
  // Index of the row at `y`, or of the next one below; size() beyond the last.
  std::size_t row_at(std::int64_t y) const;

  // Rows of one kind that follow each other and stand between `top` and `bottom`. `first` is a
  // place in the arrangement's order of tasks, or the index of a worker, a set, or thread_at's.
  struct Run {
    RowKind kind = RowKind::Task;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
  };
  std::vector<Run> runs(std::int64_t top, std::int64_t bottom) const;
  std::uint32_t thread_at(std::uint32_t at) const { return thread_order_[at]; }

  const std::vector<Row>& pinned() const { return pinned_; }
  std::int64_t pinned_height() const { return pinned_height_; }

  // Nothing if it is folded away or hidden by a filter. find_row prefers a pinned row.
  std::optional<std::size_t> index_of(RowKind kind, std::uint32_t index) const;
  std::optional<Row> find_row(RowKind kind, std::uint32_t index) const;
  std::optional<Row> find_task(TaskIndex task) const { return find_row(RowKind::Task, task); }
  std::optional<Row> find_worker(std::uint32_t worker) const {
    return find_row(RowKind::Worker, worker);
  }

  const ArrangementPtr& arrangement() const { return arrangement_; }  // none without a session

 private:
  // Rows of one kind and height. Those of tasks stand in the order of the arrangement from `first`
  // on; those of threads in thread_order_; others count up.
  struct Section {
    RowKind kind = RowKind::Task;
    std::uint32_t first = 0;
    std::uint32_t count = 0;
    std::size_t row = 0;  // of all rows, the section's first
    std::int64_t y = 0;
    int height = 0;
  };
  void add(RowKind kind, std::uint32_t first, std::uint32_t count);
  void add_tasks(const Folds& folds);
  int height_of(RowKind kind) const;
  int below_of(RowKind kind) const { return kind == RowKind::Task ? lanes_height_ : 0; }
  std::uint32_t index_in(const Section& section, std::uint32_t at) const;

  // Constant after construction.
  ArrangementPtr arrangement_;
  float scale_ = 1;
  int lanes_height_ = 0;  // px of a task's row that are lanes
  std::vector<Section> sections_;
  std::size_t head_sections_ = 0;  // before those of tasks and their groups
  std::vector<std::uint32_t> thread_order_;
  std::vector<Row> pinned_;
  std::int64_t pinned_height_ = 0;
  std::size_t size_ = 0;
  std::int64_t height_ = 0;
  int gap_ = kRowGap;
};

}  // namespace taskscope::viewer
