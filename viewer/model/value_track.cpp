#include "viewer/model/value_track.h"

#include <algorithm>

#include "viewer/model/format.h"

namespace taskscope::viewer {
namespace {

// The difference of any two values fits without a sign.
std::uint64_t distance(std::int64_t low, std::int64_t high) {
  return static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
}

}  // namespace

ValueTrack::ValueTrack(const Samples& samples) {
  if (samples.empty()) return;
  const auto [low, high] =
      std::minmax_element(samples.begin(), samples.end(),
                          [](const auto& a, const auto& b) { return a.second < b.second; });
  bounds_ = {low->second, high->second};
  first_ns_ = samples.front().first;
  CounterBuilder above;
  CounterBuilder below;
  for (const auto& [ns, value] : samples) {
    above.add(ns, distance(bounds_.low, value));
    below.add(ns, distance(value, bounds_.high));
  }
  above_ = above.share();
  below_ = below.share();
}

std::optional<ValueTrack::Bounds> ValueTrack::bounds_in(TimeRange range) const {
  if (empty() || range.end_ns <= first_ns_) return std::nullopt;
  const std::uint64_t high = static_cast<std::uint64_t>(bounds_.low) + above_.max_in(range);
  const std::uint64_t low = static_cast<std::uint64_t>(bounds_.high) - below_.max_in(range);
  return Bounds{static_cast<std::int64_t>(low), static_cast<std::int64_t>(high)};
}

std::optional<std::int64_t> ValueTrack::value_at(std::int64_t ns) const {
  const std::optional<Bounds> bounds = bounds_in({ns, ns + 1});
  return bounds ? std::optional(bounds->low) : std::nullopt;
}

std::string value_text(std::int64_t value) {
  const bool negative = value < 0;
  const std::uint64_t size = negative ? distance(value, 0) : static_cast<std::uint64_t>(value);
  return (negative ? "-" : "") + count_text(size);
}

std::string value_text(const NamedCounter& counter, std::int64_t value) {
  return value_text(value) + (counter.unit.empty() ? "" : " " + counter.unit);
}

}  // namespace taskscope::viewer
