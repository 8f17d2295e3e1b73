#include "recorder/ingest/clock_map.h"

#include <algorithm>
#include <limits>

namespace taskscope::ingest {
namespace {

constexpr std::int64_t kForever = std::int64_t{1} << 60;

}  // namespace

ClockMap::ClockMap(base::TickSource source, const base::ClockAnchor& start,
                   std::int64_t zero_monotonic_ns)
    : identity_(false), zero_monotonic_ns_(zero_monotonic_ns) {
  const bool nanoseconds = source == base::TickSource::MonotonicNs;
  const std::uint64_t ticks =
      nanoseconds ? static_cast<std::uint64_t>(start.monotonic_ns) : start.ticks;
  const std::int64_t ns = start.monotonic_ns - zero_monotonic_ns;
  last_ = {.ticks = ticks, .ns = ns, .ns_end = kForever, .ns_per_tick = 1};
}

void ClockMap::add_anchor(const base::ClockAnchor& anchor) {
  if (identity_) return;
  const std::int64_t ns = anchor.monotonic_ns - zero_monotonic_ns_;
  if (anchor.ticks <= last_.ticks || ns <= last_.ns || ns > kForever) return;
  const double slope =
      static_cast<double>(ns - last_.ns) / static_cast<double>(anchor.ticks - last_.ticks);
  last_.ns_per_tick = slope;
  last_.ns_end = ns;
  segments_.push_back(last_);
  newest_ = last_;
  last_ = {.ticks = anchor.ticks, .ns = ns, .ns_end = kForever, .ns_per_tick = slope};
  if (segments_.size() > kSegmentsMax) segments_.pop_front();
}

std::int64_t ClockMap::older_to_ns(std::uint64_t ticks) const {
  if (segments_.empty()) return last_.ns;
  // Nearly always the last.
  auto segment = segments_.end() - 1;
  while (ticks < segment->ticks) {
    if (segment == segments_.begin()) return std::max<std::int64_t>(segment->ns, 0);
    --segment;
  }
  return std::max<std::int64_t>(segment->to_ns(ticks), 0);
}

}  // namespace taskscope::ingest
