// Ticks of the traced program to nanoseconds since the recording's start.
//
// Straight lines between anchors, pairs of both clocks that the recorder reads after every drain:
// an event that was drained lies between two of them, so nothing is ever extrapolated far. The
// result never falls when the ticks rise. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "runtime/base/clock.h"

namespace taskscope::ingest {

class ClockMap {
 public:
  // One tick is one nanosecond, from 0.
  ClockMap() = default;
  ClockMap(base::TickSource source, const base::ClockAnchor& start);

  // An anchor not after the last one is ignored.
  void add_anchor(const base::ClockAnchor& anchor);

  // Not negative. Ticks before the start are 0.
  std::int64_t to_ns(std::uint64_t ticks) const;

 private:
  // From `ticks` on, up to the next segment.
  struct Segment {
    std::uint64_t ticks = 0;
    std::int64_t ns = 0;
    std::int64_t ns_end = 0;  // where the next one begins; the last one has no end
    double ns_per_tick = 1;
  };
  static constexpr std::size_t kSegmentsMax = 256;

  bool identity_ = true;
  std::int64_t start_monotonic_ns_ = 0;
  std::deque<Segment> segments_;
};

}  // namespace taskscope::ingest
