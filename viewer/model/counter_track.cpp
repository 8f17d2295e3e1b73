#include "viewer/model/counter_track.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace taskscope::viewer {

CounterTrack::CounterTrack(std::vector<std::int64_t> ns, std::vector<std::uint64_t> values)
    : ns_(std::move(ns)) {
  TASKSCOPE_CHECK(ns_.size() == values.size());
  if (values.empty()) return;
  levels_.push_back(std::move(values));
  while (levels_.back().size() > 1) {
    const std::vector<std::uint64_t>& below = levels_.back();
    std::vector<std::uint64_t> above((below.size() + kFanOut - 1) / kFanOut);
    for (std::size_t at = 0; at < below.size(); ++at) {
      above[at / kFanOut] = std::max(above[at / kFanOut], below[at]);
    }
    levels_.push_back(std::move(above));
  }
  max_ = levels_.back().front();
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
  for (const std::vector<std::uint64_t>& level : levels_) {
    while (first < last && first % kFanOut != 0) most = std::max(most, level[first++]);
    while (first < last && last % kFanOut != 0) most = std::max(most, level[--last]);
    if (first >= last) break;
    first /= kFanOut;
    last /= kFanOut;
  }
  return most;
}

}  // namespace taskscope::viewer
