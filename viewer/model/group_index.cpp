#include "viewer/model/group_index.h"

#include <algorithm>

#include "viewer/model/radix_sort.h"

namespace taskscope::viewer {

GroupIndex::GroupIndex(const std::vector<const Track*>& members) {
  std::size_t breaks = 0;
  for (const Track* track : members) breaks += track->size() + 1;
  breaks_.reserve(breaks);
  for (const Track* track : members) {
    for (std::size_t at = 0; at < track->size(); ++at) {
      const bool joined = at > 0 && track->end_ns(at - 1) == track->start_ns(at);
      const auto entered = static_cast<std::uint8_t>(track->state_class(at));
      const auto left = joined ? static_cast<std::uint8_t>(track->state_class(at - 1)) : kNothing;
      breaks_.push_back({track->start_ns(at), left, entered});
      const bool last = at + 1 == track->size() || track->start_ns(at + 1) != track->end_ns(at);
      if (last) breaks_.push_back({track->end_ns(at), entered, kNothing});
    }
  }
  radix_sort(breaks_, [](const Break& point) { return point.ns; });
  Block running;
  std::int64_t before_ns = breaks_.empty() ? 0 : breaks_.front().ns;
  std::int64_t alive = 0;
  for (std::size_t at = 0; at < breaks_.size(); ++at) {
    const Break& point = breaks_[at];
    for (std::size_t state = 0; state < kStateClasses; ++state) {
      running.times[state] += running.counts[state] * (point.ns - before_ns);
    }
    before_ns = point.ns;
    if (at % kBlockSpans == 0) blocks_.push_back(running);
    if (point.left != kNothing) --running.counts[point.left];
    if (point.entered != kNothing) ++running.counts[point.entered];
    alive += (point.entered != kNothing ? 1 : 0) - (point.left != kNothing ? 1 : 0);
    const bool settled = at + 1 == breaks_.size() || breaks_[at + 1].ns != point.ns;
    if (settled)
      alive_max_ =
          std::max(alive_max_, static_cast<std::uint32_t>(std::max<std::int64_t>(alive, 0)));
  }
}

ClassTimes GroupIndex::walk(std::size_t next, std::int64_t ns) const {
  if (next == 0) return {};
  const std::size_t block = (next - 1) / kBlockSpans;
  Block state = blocks_[block];
  std::int64_t before_ns = breaks_[block * kBlockSpans].ns;
  for (std::size_t at = block * kBlockSpans; at < next; ++at) {
    const Break& point = breaks_[at];
    for (std::size_t c = 0; c < kStateClasses; ++c) {
      state.times[c] += state.counts[c] * (point.ns - before_ns);
    }
    before_ns = point.ns;
    if (point.left != kNothing) --state.counts[point.left];
    if (point.entered != kNothing) ++state.counts[point.entered];
  }
  for (std::size_t c = 0; c < kStateClasses; ++c) {
    state.times[c] += state.counts[c] * (ns - before_ns);
  }
  return state.times;
}

ClassTimes GroupIndex::times_before(std::int64_t ns) const {
  const auto next = std::upper_bound(breaks_.begin(), breaks_.end(), ns,
                                     [](std::int64_t a, const Break& b) { return a < b.ns; });
  return walk(static_cast<std::size_t>(next - breaks_.begin()), ns);
}

std::vector<Cell> GroupIndex::cells(const ColumnGrid& grid, std::int64_t first,
                                    std::int64_t last) const {
  std::vector<Cell> cells;
  if (breaks_.empty() || alive_max_ == 0) return cells;
  first = std::max(first, grid.column_of(breaks_.front().ns));
  last = std::min(last, grid.column_of(breaks_.back().ns) + 1);
  if (first >= last) return cells;
  ClassTimes before = times_before(grid.left_ns(first));
  for (std::int64_t column = first; column < last; ++column) {
    const std::int64_t length_ns = grid.left_ns(column + 1) - grid.left_ns(column);
    const ClassTimes until = times_before(grid.left_ns(column + 1));
    ClassTimes times{};
    for (std::size_t c = 0; c < kStateClasses; ++c) times[c] = until[c] - before[c];
    before = until;
    const auto shares = to_shares(times, length_ns * alive_max_);
    if (shares == decltype(shares){}) continue;
    if (!cells.empty() && cells.back().last == column && cells.back().shares == shares) {
      ++cells.back().last;
    } else {
      cells.push_back({.first = column, .last = column + 1, .shares = shares});
    }
  }
  return cells;
}

}  // namespace taskscope::viewer
