// The list of rows below the ruler: group headers, workers, tasks; where each stands and how to
// find the visible ones without looking at the others. Built when the session, the theme's scale or
// a fold changes, not per frame. Owned by the UI thread.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "viewer/model/session.h"

namespace taskscope::viewer {

enum class RowKind : std::uint8_t {
  WorkersHeader,
  ThreadsHeader,
  TasksHeader,
  GroupHeader,
  Worker,
  Queues,
  Thread,
  Task
};

struct Row {
  RowKind kind = RowKind::Task;
  std::uint32_t index = 0;  // of the worker, thread, group or task
  std::int64_t y = 0;       // px from the top of all rows
  int height = 0;           // px, without the gap to the next row

  bool is_header() const {
    return kind == RowKind::WorkersHeader || kind == RowKind::ThreadsHeader ||
           kind == RowKind::TasksHeader || kind == RowKind::GroupHeader;
  }
  // Decisions of the scheduler have a lane above what else is drawn.
  bool has_decisions() const { return kind == RowKind::Worker || kind == RowKind::Queues; }
};

// Heights in px at scale 1.
inline constexpr int kGroupRowHeight = 28;
inline constexpr int kDecisionLane = 8;  // above a worker's spans
inline constexpr int kWorkerRowHeight = 26;
inline constexpr int kTaskRowHeight = 18;
inline constexpr int kHeaderPadding = 4;  // above a group's chart
inline constexpr int kRowGap = 1;

// What is folded away. Group folds hold indices into TraceSession::groups().
struct Folds {
  bool workers = false;
  bool threads = true;
  bool tasks = false;
  std::set<std::uint32_t> groups;
};

// Many tasks start folded: groups of more than 24 tasks in sessions of more than 100.
Folds initial_folds(const TraceSession& session);

class RowList {
 public:
  RowList() = default;
  RowList(const TraceSession& session, const Folds& folds, float scale);

  std::int64_t height() const { return height_; }
  const std::vector<Row>& rows() const { return rows_; }
  // Index of the row at `y`, or of the next one below; size() beyond the last.
  std::size_t row_at(std::int64_t y) const;
  const Row* find_task(TaskIndex task) const;
  const Row* find_worker(std::uint32_t worker) const;

 private:
  void add(RowKind kind, std::uint32_t index, int height_at_1, float scale);

  // Constant after construction.
  std::vector<Row> rows_;
  std::vector<std::uint32_t> row_of_task_;  // 0xffffffff: folded away
  std::int64_t height_ = 0;
};

}  // namespace taskscope::viewer
