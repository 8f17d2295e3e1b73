// Statistics of an area: some rows over some time, counted per class. Plain values and pure
// functions; area_statistics looks at every span of the area, so not on the UI thread.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "viewer/model/rows.h"

namespace taskscope::viewer {

// Rows of one kind, so that nothing is counted twice: tasks if the area touches any, else workers,
// else threads.
struct AreaRows {
  struct Run {
    std::uint32_t begin = 0;  // into the arrangement's order; of workers and threads: their index
    std::uint32_t end = 0;
  };
  RowKind kind = RowKind::Task;
  std::vector<Run> runs;  // none of them touch
  ArrangementPtr arrangement;

  std::size_t size() const;
  std::uint32_t index(std::uint32_t at) const {  // of the task, worker or thread
    return kind == RowKind::Task ? arrangement->order()[at] : at;
  }
};

struct Area {
  TimeRange time;
  std::int64_t top = 0;  // px from the top of all rows
  std::int64_t bottom = 0;
  std::shared_ptr<const AreaRows> rows;  // shared: the query thread reads what the UI keeps

  friend bool operator==(const Area&, const Area&) = default;
};

// What stands between `top` and `bottom`; of a folded group all its tasks. Costs as much as there
// are groups, not tasks.
AreaRows area_rows(const RowList& rows, const Folds& folds, std::int64_t top, std::int64_t bottom);

// Of the spans of one class, as far as they lie in the area.
struct ClassStatistics {
  StateClass state = StateClass::Running;
  std::uint64_t count = 0;
  std::int64_t total_ns = 0;
  std::int64_t mean_ns = 0;
  std::int64_t p50_ns = 0;  // nearest rank
  std::int64_t p95_ns = 0;
  std::int64_t p99_ns = 0;
  std::int64_t max_ns = 0;

  friend bool operator==(const ClassStatistics&, const ClassStatistics&) = default;
};

struct AreaStatistics {
  std::vector<ClassStatistics> classes;  // those that occur, in the order of StateClass
  bool exact = true;                     // false: percentiles of so many spans are within 0.4 %
};

// Beyond `exact_max` spans of a class percentiles come from buckets.
inline constexpr std::size_t kExactSpansMax = 4'000'000;
AreaStatistics area_statistics(const TraceSession& session, const AreaRows& rows, TimeRange time,
                               const std::atomic<bool>& stop,
                               std::size_t exact_max = kExactSpansMax);

enum class AreaColumn : std::uint8_t { State, Count, Total, Mean, P50, P95, P99, Max };
inline constexpr std::size_t kAreaColumns = 8;
// The largest first; by state: the most severe.
void sort_statistics(std::vector<ClassStatistics>& classes, AreaColumn column);
// With a header; times in nanoseconds.
std::string statistics_csv(const std::vector<ClassStatistics>& classes);

}  // namespace taskscope::viewer
