// One row's spans, and what it takes to draw any stretch of them at any zoom.
//
// A track is a window onto sorted, non-overlapping columns that a TraceSession owns, plus an index
// of prefix sums: for every block of 64 spans the time per class before it. From two look-ups
// follows the exact share of each class between any two instants, whatever lies between. Tracks of
// fewer than 64 spans have no index and are summed directly.
//
// Immutable after construction; usable from any thread while its session lives.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "viewer/model/state_class.h"
#include "viewer/model/time_range.h"

namespace taskscope::viewer {

inline constexpr std::size_t kBlockSpans = 64;

// A pixel grid over time: column c covers [c × ns_per_px, (c + 1) × ns_per_px). It is anchored at
// time zero, so panning by whole pixels keeps every column.
struct ColumnGrid {
  double ns_per_px = 1;

  std::int64_t left_ns(std::int64_t column) const;
  std::int64_t column_of(std::int64_t ns) const;     // that contains ns
  std::int64_t nearest_edge(std::int64_t ns) const;  // the column whose left edge is nearest

  friend bool operator==(const ColumnGrid&, const ColumnGrid&) = default;
};

// What to draw in columns [first, last): a single span, or a mixture by exact shares.
struct Cell {
  static constexpr std::uint32_t kMixture = 0xffff'ffff;

  std::int64_t first = 0;
  std::int64_t last = 0;
  std::uint32_t span = kMixture;  // index within the track
  // Of a mixture: time per class over the cell's time, in 1/255, rounded up so that nothing that
  // happened becomes 0. The sum is below 255 where the track has gaps.
  std::array<std::uint8_t, kStateClasses> shares{};
  // Of a mixture in a RowPicture: the shares as px of the row's height.
  std::array<std::uint8_t, kStateClasses> heights{};

  bool is_mixture() const { return span == kMixture; }
};

class Track {
 public:
  Track() = default;
  // REQUIRES: equal sizes; start_ns ascending; end_ns[i] >= start_ns[i] and <= start_ns[i + 1].
  Track(std::span<const std::int64_t> start_ns, std::span<const std::int64_t> end_ns,
        std::span<const StateClass> classes);

  std::size_t size() const { return start_ns_.size(); }
  bool empty() const { return start_ns_.empty(); }
  std::int64_t start_ns(std::size_t span) const { return start_ns_[span]; }
  std::int64_t end_ns(std::size_t span) const { return end_ns_[span]; }
  StateClass state_class(std::size_t span) const { return classes_[span]; }

  // The first span that ends after `ns`; size() if none does. Zero-length spans count as ended.
  std::size_t first_ending_after(std::int64_t ns) const;
  // The first span that starts at or after `ns`.
  std::size_t first_starting_at(std::int64_t ns) const;
  // The span that contains `ns`, or size().
  std::size_t span_at(std::int64_t ns) const;

  // Time per class before `ns`, exact.
  ClassTimes times_before(std::int64_t ns) const;
  ClassTimes times_in(TimeRange range) const;

  // What to draw in columns [first, last). Spans of at least `span_min_px` become cells of their
  // own; what is smaller is merged by exact shares. Cells are in order and do not overlap. The cost
  // is bounded by the number of columns times the logarithm of the spans.
  std::vector<Cell> cells(const ColumnGrid& grid, std::int64_t first, std::int64_t last,
                          double span_min_px) const;

  std::size_t index_bytes() const { return blocks_.size() * sizeof(ClassTimes); }

 private:
  // Constant after construction.
  std::span<const std::int64_t> start_ns_;
  std::span<const std::int64_t> end_ns_;
  std::span<const StateClass> classes_;
  std::vector<ClassTimes> blocks_;  // [b]: time per class of all spans before block b
};

// The mixture as eight bytes: 0 stays 0, everything else is at least 1.
std::array<std::uint8_t, kStateClasses> to_shares(const ClassTimes& times, std::int64_t length_ns);

}  // namespace taskscope::viewer
