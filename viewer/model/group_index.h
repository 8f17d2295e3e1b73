// How many of a group's tasks were in which state, summed over any stretch of time.
//
// The sum of its members' tracks. A small group is summed up as it is asked for, exactly, in time
// that grows with the spans in the range. A large one also has the time per class before each of
// thousands of equally distant instants, from which columns of at least four of these distances
// follow at once, true to within a quarter of a column; nearer than that few spans are in view, and
// the members are summed again.
//
// Refers to its members' tracks. Immutable after construction; usable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "viewer/model/part_sums.h"
#include "viewer/model/track.h"

namespace taskscope::viewer {

class GroupIndex {
 public:
  GroupIndex() = default;
  explicit GroupIndex(std::vector<const Track*> members);
  // The same if the sums over all spans of all members are known already.
  GroupIndex(std::vector<const Track*> members, const RunningSums& sums);

  bool empty() const { return size_ == 0; }
  // Most tasks that were there at one instant, from the first span of each to its last.
  std::uint32_t alive_max() const { return alive_max_; }
  // Task-nanoseconds per class of all that there is, exact.
  const ClassTimes& times() const { return times_; }

  // Adds the task-nanoseconds per class in each of the columns [first, first + sums.size()).
  void add_times(const ColumnGrid& grid, std::int64_t first, std::vector<ClassTimes>& sums) const;
  // Mixture cells whose shares are in 1/255 of alive_max() tasks over the column's time.
  std::vector<Cell> cells(const ColumnGrid& grid, std::int64_t first, std::int64_t last) const;

  std::size_t index_bytes() const { return bins_.size() * sizeof(ClassTimes); }

 private:
  void measure();
  void count_alive();
  void make_bins();
  ClassTimes binned_before(std::int64_t ns) const;

  // Constant after construction.
  std::vector<const Track*> members_;
  std::size_t size_ = 0;  // spans of all members
  std::int64_t start_ns_ = 0;
  std::int64_t end_ns_ = 0;
  ClassTimes times_{};
  std::uint32_t alive_max_ = 0;
  std::int64_t bins_start_ns_ = 0;
  std::int64_t bin_ns_ = 0;
  std::vector<ClassTimes> bins_;  // [b]: before bins_start_ns_ + b × bin_ns_; empty: a small group
};

// Appends a mixture of these shares, or makes the last one longer if they are the same.
void append_run(std::vector<Cell>& cells, std::int64_t column,
                const std::array<std::uint8_t, kStateClasses>& shares);

}  // namespace taskscope::viewer
