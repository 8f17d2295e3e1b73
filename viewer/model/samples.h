// What the processors worked on, sample by sample: of the whole recording by time, of each task and
// of each worker, and which of them stand so close that they share a mark.
//
// Built at once by a loader thread, immutable from then on; usable from any thread. Tasks and
// workers are indices into TraceSession's, stacks numbers of its StackTable.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "recorder/store/rows.h"
#include "recorder/store/stack_table.h"
#include "viewer/model/time_range.h"
#include "viewer/model/track.h"

namespace taskscope::viewer {

struct Sample {
  std::int64_t ns = 0;
  std::uint32_t task = 0xffff'ffff;    // none: the scheduler was at work
  std::uint32_t stack = 0xffff'ffff;   // none: it is not known
  std::uint32_t worker = 0xffff'ffff;  // none: a thread without one
};

// Samples [first, last) of one task or one worker, by time.
struct RowSamples {
  std::size_t first = 0;
  std::size_t last = 0;

  std::size_t size() const { return last - first; }
  bool empty() const { return first == last; }
  friend bool operator==(const RowSamples&, const RowSamples&) = default;
};

class SampleTable {
 public:
  static constexpr std::uint32_t kNone = 0xffff'ffff;
  // Each says what index that is; kNone if it is not known.
  struct Find {
    std::function<std::uint32_t(store::TaskId)> task;
    std::function<std::uint32_t(store::WorkerId)> worker;
  };

  SampleTable() = default;
  // REQUIRES: `rows` are by time.
  SampleTable(const std::vector<store::SampleRow>& rows, const store::StackTable& stacks,
              const Find& find);

  bool empty() const { return samples_.empty(); }
  std::size_t size() const { return samples_.size(); }
  // All of them, by time.
  const Sample& operator[](std::size_t at) const { return samples_[at]; }
  // Indices [first, last) of those within the range.
  std::pair<std::size_t, std::size_t> within(TimeRange range) const;

  RowSamples of_task(std::uint32_t task) const;
  RowSamples of_worker(std::uint32_t worker) const;
  // Of a row: which of all samples that is, and the sample.
  std::uint32_t index_at(std::size_t at) const { return order_[at]; }
  const Sample& at(std::size_t at) const { return samples_[order_[at]]; }
  std::int64_t ns_at(std::size_t at) const { return times_[at]; }
  RowSamples within(RowSamples row, TimeRange range) const;

  // Those of a row that touch columns [first, last), in groups that each lie within `mark_px`
  // columns and are cut at multiples of it, so that panning does not regroup them. The cost is
  // bounded by the number of columns times the logarithm of the samples.
  std::vector<RowSamples> groups(RowSamples row, const ColumnGrid& grid, std::int64_t first,
                                 std::int64_t last, std::int64_t mark_px) const;

 private:
  using Rows = std::vector<std::pair<std::uint32_t, std::size_t>>;  // with the first in order_
  template <class KeyOf>
  void index_by(KeyOf key_of, Rows& rows);
  static RowSamples find(const Rows& rows, std::uint32_t key, std::size_t end);
  std::size_t first_at(RowSamples within, std::int64_t ns) const;

  // Constant after construction.
  std::vector<Sample> samples_;       // by time
  std::vector<std::uint32_t> order_;  // into samples_: by task and time, then by worker and time
  std::vector<std::int64_t> times_;   // of these: rows are searched by it in every frame
  Rows tasks_;                        // by task
  Rows workers_;                      // by worker
  std::size_t tasks_end_ = 0;         // in order_
};

}  // namespace taskscope::viewer
