// One number over time, such as how many tasks wait in queues: steps in sorted columns, and what it
// takes to find the largest value of any stretch.
//
// Owns its columns. Immutable after construction; usable from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "viewer/model/growing_array.h"
#include "viewer/model/time_range.h"

namespace taskscope::viewer {

class CounterTrack {
 public:
  CounterTrack() = default;
  // From ns[i] on the value is values[i]; before ns[0] nothing is known of it.
  // REQUIRES: equal sizes; ns ascending.
  CounterTrack(std::vector<std::int64_t> ns, std::vector<std::uint64_t> values);

  bool empty() const { return ns_.empty(); }
  std::uint64_t max() const { return max_; }
  // The largest value within the range; 0 where nothing is known. The cost does not depend on how
  // many steps the range has, but for their logarithm.
  std::uint64_t max_in(TimeRange range) const;

 private:
  friend class CounterBuilder;
  static constexpr std::size_t kFanOut = 16;

  // Constant after construction.
  SharedArray<std::int64_t> ns_;
  // [0]: the values; [n]: maxima of kFanOut each, as far as there are so many.
  std::vector<SharedArray<std::uint64_t>> levels_;
  std::uint64_t max_ = 0;
};

// Fills a track, step by step. Owned by one thread.
class CounterBuilder {
 public:
  // A step that seems older than the one before gets its time; one that changes nothing is none.
  void add(std::int64_t ns, std::uint64_t value);
  // What there is; the builder goes on.
  CounterTrack share() const;

 private:
  GrowingArray<std::int64_t> ns_;
  std::vector<GrowingArray<std::uint64_t>> levels_;
  std::uint64_t max_ = 0;
};

}  // namespace taskscope::viewer
