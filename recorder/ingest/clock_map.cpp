#include "recorder/ingest/clock_map.h"

#include <algorithm>
#include <limits>

namespace taskscope::ingest {
namespace {

constexpr std::int64_t kForever = std::int64_t{1} << 60;

}  // namespace

ClockMap::ClockMap(base::TickSource source, const base::ClockAnchor& start)
    : identity_(false), start_monotonic_ns_(start.monotonic_ns) {
  const bool nanoseconds = source == base::TickSource::MonotonicNs;
  const std::uint64_t ticks =
      nanoseconds ? static_cast<std::uint64_t>(start.monotonic_ns) : start.ticks;
  segments_.push_back({.ticks = ticks, .ns = 0, .ns_end = kForever, .ns_per_tick = 1});
}

void ClockMap::add_anchor(const base::ClockAnchor& anchor) {
  if (identity_) return;
  Segment& last = segments_.back();
  const std::int64_t ns = anchor.monotonic_ns - start_monotonic_ns_;
  if (anchor.ticks <= last.ticks || ns <= last.ns || ns > kForever) return;
  last.ns_per_tick =
      static_cast<double>(ns - last.ns) / static_cast<double>(anchor.ticks - last.ticks);
  last.ns_end = ns;
  const double slope = last.ns_per_tick;
  segments_.push_back({.ticks = anchor.ticks, .ns = ns, .ns_end = kForever, .ns_per_tick = slope});
  if (segments_.size() > kSegmentsMax) segments_.pop_front();
}

std::int64_t ClockMap::to_ns(std::uint64_t ticks) const {
  if (identity_) return static_cast<std::int64_t>(ticks);
  // Nearly always the last or the last but one.
  auto segment = segments_.end() - 1;
  while (ticks < segment->ticks) {
    if (segment == segments_.begin()) return segment->ns;
    --segment;
  }
  const double ns = static_cast<double>(ticks - segment->ticks) * segment->ns_per_tick;
  if (ns >= static_cast<double>(segment->ns_end - segment->ns)) return segment->ns_end;
  return segment->ns + static_cast<std::int64_t>(ns);
}

}  // namespace taskscope::ingest
