// One row's spans, and what it takes to draw any stretch of them at any zoom.
//
// A track is packed: sorted spans that do not overlap, in blocks of 128, each span a few bytes (the
// gap before it, its length, its class and what its owner says of it). A block knows its first
// instant and the time per class before it. From two look-ups, each of which unpacks one block at
// most, follows the exact share of each class between any two instants, whatever lies between.
//
// A Track refers to its session's PackedArena, is a few words itself and never changes: usable from
// any thread while the arena lives. Who looks at many spans takes a TrackReader, one per thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "viewer/model/growing_array.h"
#include "viewer/model/packed_arena.h"
#include "viewer/model/state_class.h"
#include "viewer/model/time_range.h"

namespace taskscope::viewer {

inline constexpr std::size_t kBlockSpans = 128;

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
  std::uint32_t span = kMixture;                 // index within the track
  std::uint32_t payload = 0;                     // of the span
  std::uint32_t extra = 0;                       // likewise
  StateClass state_class = StateClass::Running;  // likewise
  // Of a mixture: time per class over the cell's time, in 1/255, rounded up so that nothing that
  // happened becomes 0. The sum is below 255 where the track has gaps.
  std::array<std::uint8_t, kStateClasses> shares{};
  // Of a mixture in a RowPicture: the shares as px of the row's height.
  std::array<std::uint8_t, kStateClasses> heights{};

  bool is_mixture() const { return span == kMixture; }
};

// A span as its track knows it. What payload and extra mean is up to the track's owner.
struct TrackSpan {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::uint32_t payload = 0;
  std::uint32_t extra = 0;
  StateClass state_class = StateClass::Running;

  std::int64_t length_ns() const { return end_ns - start_ns; }
  friend bool operator==(const TrackSpan&, const TrackSpan&) = default;
};

class Track {
 public:
  Track() = default;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::int64_t start_ns() const { return start_ns_; }  // of the first span; 0 if there is none
  std::int64_t end_ns() const { return end_ns_; }      // of the last one

  // Each of these unpacks up to a block: not for loops over spans.
  TrackSpan operator[](std::size_t at) const;
  std::int64_t start_ns(std::size_t span) const { return (*this)[span].start_ns; }
  std::int64_t end_ns(std::size_t span) const { return (*this)[span].end_ns; }
  StateClass state_class(std::size_t span) const { return (*this)[span].state_class; }
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

 private:
  friend class TrackBuilder;
  friend class TrackReader;
  friend class TrackWalk;
  struct Block {
    std::int64_t start_ns = 0;  // of its first span
    const std::uint8_t* bytes = nullptr;
    ClassTimes before{};  // of all blocks before it
  };
  std::size_t block_count() const { return (size_ + kBlockSpans - 1) / kBlockSpans; }
  Block block(std::size_t at) const;
  std::size_t spans_in(std::size_t block) const;
  // The last block that starts before `ns`; block_count() if none does.
  std::size_t last_block_before(std::int64_t ns) const;

  // Constant after construction.
  const std::uint8_t* bytes_ = nullptr;  // of the first block, if that is the only one
  const Block* blocks_ = nullptr;        // all but the last; null: there is but one
  const Block* last_ = nullptr;          // the last one, if there are several
  std::int64_t start_ns_ = 0;
  std::int64_t end_ns_ = 0;
  std::uint32_t size_ = 0;
};

// By class: payload and extra of its last span within a block.
using TrackPredictor = std::array<std::pair<std::uint32_t, std::uint32_t>, kStateClasses>;

// Fills a track, span by span. Owned by one thread.
class TrackBuilder {
 public:
  std::size_t size() const { return size_; }
  const TrackSpan& last() const { return last_; }  // REQUIRES: size() > 0
  // Where the next span may begin.
  std::int64_t end_ns() const { return size_ == 0 ? INT64_MIN : last_.end_ns; }
  // REQUIRES: span.start_ns >= end_ns(), span.end_ns >= span.start_ns.
  void add(const TrackSpan& span, PackedArena& arena);
  // REQUIRES: size() > 0.
  void reclassify_last(StateClass state_class) { last_.state_class = state_class; }
  // The track; the builder is used up.
  Track finish(PackedArena& arena);
  // The track as it is, while the builder goes on: full blocks are shared with it, what else it
  // takes goes into `rest`. Its blocks are in the memory that is added to `kept`, if any is.
  // REQUIRES: the arena given to add() has readers beside.
  Track snapshot(PackedArena& rest, KeptMemory& kept) const;

 private:
  void pack_last(PackedArena& arena);
  void seal(PackedArena& arena);
  ClassTimes times_before_open() const;

  TrackSpan last_;                     // not packed yet
  std::vector<std::uint8_t> open_;     // the block that is not full, packed
  GrowingArray<Track::Block> blocks_;  // full ones
  TrackPredictor predictor_{};         // of the open block
  std::int64_t start_ns_ = 0;          // of the first span
  std::int64_t block_start_ns_ = 0;    // of the open block's first span
  std::int64_t packed_until_ns_ = 0;   // end of the last packed span
  std::uint32_t size_ = 0;
};

// One span after another, without keeping any. Owned by one thread.
class TrackWalk {
 public:
  // From the first span that ends after `ns` on.
  TrackWalk(const Track& track, std::int64_t ns);
  // Null: there is none left. Valid until the next call.
  const TrackSpan* next();

 private:
  const Track* track_;
  std::size_t at_ = 0;  // of the span that comes next
  std::int64_t after_ns_;
  const std::uint8_t* bytes_ = nullptr;
  TrackPredictor predictor_{};
  TrackSpan span_;
};

// Unpacks blocks as they are asked for and keeps the last two. Owned by one thread.
class TrackReader {
 public:
  explicit TrackReader(const Track& track) : track_(&track) {}

  // Valid until a span of a third block is asked for.
  const TrackSpan& operator[](std::size_t at);
  std::size_t size() const { return track_->size(); }
  std::size_t first_ending_after(std::int64_t ns);
  std::size_t first_starting_at(std::int64_t ns);
  ClassTimes times_before(std::int64_t ns);

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  struct Unpacked {
    std::size_t block = kNone;
    std::array<TrackSpan, kBlockSpans> spans;
  };
  const Unpacked& unpack(std::size_t block);

  const Track* track_;
  std::array<Unpacked, 2> unpacked_;
  std::size_t last_ = 0;  // which of the two was asked for last
};

// The mixture as eight bytes: 0 stays 0, everything else is at least 1.
std::array<std::uint8_t, kStateClasses> to_shares(const ClassTimes& times, std::int64_t length_ns);

}  // namespace taskscope::viewer
