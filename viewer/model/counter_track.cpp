#include "viewer/model/counter_track.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace taskscope::viewer {

CounterTrack::CounterTrack(std::vector<std::int64_t> ns, std::vector<std::uint64_t> values) {
  TASKSCOPE_CHECK(ns.size() == values.size());
  CounterBuilder builder;
  for (std::size_t at = 0; at < ns.size(); ++at) builder.add(ns[at], values[at]);
  *this = builder.share();
}

void CounterBuilder::add(std::int64_t ns, std::uint64_t value) {
  if (levels_.empty()) levels_.emplace_back();
  if (!ns_.empty() && levels_.front().back() == value) return;
  ns_.push_back(ns_.empty() ? ns : std::max(ns, ns_.back()));
  max_ = std::max(max_, value);
  levels_.front().push_back(value);
  for (std::size_t at = 0; levels_[at].size() % CounterTrack::kFanOut == 0; ++at) {
    const GrowingArray<std::uint64_t>& below = levels_[at];
    const std::uint64_t most = *std::max_element(below.end() - CounterTrack::kFanOut, below.end());
    if (at + 1 == levels_.size()) levels_.emplace_back();
    levels_[at + 1].push_back(most);
  }
}

CounterTrack CounterBuilder::share() const {
  CounterTrack track;
  track.ns_ = ns_.share();
  for (const auto& level : levels_) track.levels_.push_back(level.share());
  track.max_ = max_;
  return track;
}

std::uint64_t CounterTrack::max_in(TimeRange range) const {
  const auto index = [&](std::int64_t at_ns) {
    return static_cast<std::size_t>(std::lower_bound(ns_.begin(), ns_.end(), at_ns) - ns_.begin());
  };
  std::size_t first = index(range.start_ns + 1);
  std::size_t last = index(range.end_ns);
  if (first > 0) --first;  // the value that the range begins with
  last = std::max(last, std::min(first + 1, ns_.size()));
  if (ns_.empty() || range.end_ns <= ns_.front()) return 0;
  std::uint64_t most = 0;
  // Up the levels: what does not fill a block of the next level is looked at one by one.
  for (const SharedArray<std::uint64_t>& level : levels_) {
    while (first < last && first % kFanOut != 0) most = std::max(most, level[first++]);
    while (first < last && last % kFanOut != 0) most = std::max(most, level[--last]);
    if (first >= last) break;
    first /= kFanOut;
    last /= kFanOut;
  }
  return most;
}

}  // namespace taskscope::viewer
