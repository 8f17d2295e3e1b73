// Ticks of the traced program to nanoseconds since the recording's start.
//
// Straight lines between anchors, pairs of both clocks that the recorder reads after every drain:
// an event that was drained lies between two of them, so nothing is ever extrapolated far. The
// result never falls when the ticks rise. One thread at a time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "runtime/base/clock.h"

namespace taskscope::ingest {

class ClockMap {
 public:
  // One tick is one nanosecond, from 0.
  ClockMap() = default;
  // A program that began at `start`, in a recording whose time zero is `zero_monotonic_ns`.
  ClockMap(base::TickSource source, const base::ClockAnchor& start, std::int64_t zero_monotonic_ns);

  // An anchor not after the last one is ignored.
  void add_anchor(const base::ClockAnchor& anchor);

  // Not negative. Ticks before the start are those of the start; time before zero is zero.
  std::int64_t to_ns(std::uint64_t ticks) const {
    if (identity_) return static_cast<std::int64_t>(ticks);
    const Segment& segment = ticks < last_.ticks ? newest_ : last_;
    if (ticks < segment.ticks) return older_to_ns(ticks);
    return std::max<std::int64_t>(segment.to_ns(ticks), 0);
  }

 private:
  // From `ticks` on, up to the next segment.
  struct Segment {
    std::uint64_t ticks = 0;
    std::int64_t ns = 0;
    std::int64_t ns_end = 0;  // where the next one begins; the last one has no end
    double ns_per_tick = 1;

    std::int64_t to_ns(std::uint64_t at) const {
      const double passed = static_cast<double>(at - ticks) * ns_per_tick;
      if (passed >= static_cast<double>(ns_end - ns)) return ns_end;
      return ns + static_cast<std::int64_t>(passed);
    }
  };
  std::int64_t older_to_ns(std::uint64_t ticks) const;

  static constexpr std::size_t kSegmentsMax = 256;

  bool identity_ = true;
  std::int64_t zero_monotonic_ns_ = 0;
  Segment last_;  // has no end yet
  // The newest that has: what was read before its end was is nearly always in it.
  Segment newest_{.ticks = ~std::uint64_t{0}};
  std::deque<Segment> segments_;  // all that have, up to the newest
};

}  // namespace taskscope::ingest
