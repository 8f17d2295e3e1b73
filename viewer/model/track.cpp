#include "viewer/model/track.h"

#include <algorithm>
#include <cmath>

#include "runtime/base/check.h"

namespace taskscope::viewer {
namespace {

// lower_bound that first gallops from `from`: neighbouring columns have neighbouring answers.
template <class Before>
std::size_t gallop(std::size_t from, std::size_t size, Before before) {
  std::size_t step = 1;
  std::size_t low = from;
  while (low + step <= size && before(low + step - 1)) {
    low += step;
    step *= 2;
  }
  std::size_t high = std::min(size, low + step);
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (before(middle)) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

}  // namespace

std::int64_t ColumnGrid::left_ns(std::int64_t column) const {
  return static_cast<std::int64_t>(std::llround(static_cast<double>(column) * ns_per_px));
}

std::int64_t ColumnGrid::column_of(std::int64_t ns) const {
  auto column = static_cast<std::int64_t>(std::floor(static_cast<double>(ns) / ns_per_px));
  while (left_ns(column) > ns) --column;
  while (left_ns(column + 1) <= ns) ++column;
  return column;
}

std::int64_t ColumnGrid::nearest_edge(std::int64_t ns) const {
  return static_cast<std::int64_t>(std::llround(static_cast<double>(ns) / ns_per_px));
}

std::array<std::uint8_t, kStateClasses> to_shares(const ClassTimes& times, std::int64_t length_ns) {
  std::array<std::uint8_t, kStateClasses> shares{};
  if (length_ns <= 0) return shares;
  for (std::size_t at = 0; at < kStateClasses; ++at) {
    if (times[at] <= 0) continue;
    const double share = static_cast<double>(times[at]) / static_cast<double>(length_ns);
    shares[at] = static_cast<std::uint8_t>(std::clamp(std::lround(share * 255), 1L, 255L));
  }
  return shares;
}

Track::Track(std::span<const std::int64_t> start_ns, std::span<const std::int64_t> end_ns,
             std::span<const StateClass> classes)
    : start_ns_(start_ns), end_ns_(end_ns), classes_(classes) {
  TASKSCOPE_CHECK(start_ns.size() == end_ns.size() && start_ns.size() == classes.size());
  if (size() < kBlockSpans) return;
  blocks_.resize(size() / kBlockSpans + 1);
  ClassTimes sum{};
  for (std::size_t at = 0; at < size(); ++at) {
    if (at % kBlockSpans == 0) blocks_[at / kBlockSpans] = sum;
    sum[index_of(classes[at])] += end_ns[at] - start_ns[at];
  }
  if (size() % kBlockSpans == 0) blocks_[size() / kBlockSpans] = sum;
}

std::size_t Track::first_ending_after(std::int64_t ns) const {
  return static_cast<std::size_t>(std::upper_bound(end_ns_.begin(), end_ns_.end(), ns) -
                                  end_ns_.begin());
}

std::size_t Track::first_starting_at(std::int64_t ns) const {
  return static_cast<std::size_t>(std::lower_bound(start_ns_.begin(), start_ns_.end(), ns) -
                                  start_ns_.begin());
}

std::size_t Track::span_at(std::int64_t ns) const {
  const std::size_t at = first_ending_after(ns);
  return at < size() && start_ns_[at] <= ns ? at : size();
}

ClassTimes Track::times_before(std::int64_t ns) const {
  const std::size_t next = first_starting_at(ns);
  const std::size_t block = blocks_.empty() ? 0 : next / kBlockSpans;
  ClassTimes times = blocks_.empty() ? ClassTimes{} : blocks_[block];
  for (std::size_t at = block * kBlockSpans; at < next; ++at) {
    times[index_of(classes_[at])] += std::min(end_ns_[at], ns) - start_ns_[at];
  }
  // A block boundary right behind a span that reaches past `ns`: the prefix sum counted it whole.
  if (next > 0 && next == block * kBlockSpans && end_ns_[next - 1] > ns) {
    times[index_of(classes_[next - 1])] -= end_ns_[next - 1] - ns;
  }
  return times;
}

ClassTimes Track::times_in(TimeRange range) const {
  ClassTimes times = times_before(range.end_ns);
  const ClassTimes before = times_before(range.start_ns);
  for (std::size_t at = 0; at < kStateClasses; ++at) times[at] -= before[at];
  return times;
}

std::vector<Cell> Track::cells(const ColumnGrid& grid, std::int64_t first, std::int64_t last,
                               double span_min_px) const {
  std::vector<Cell> cells;
  const double wide_min_ns = span_min_px * grid.ns_per_px;
  const auto wide = [&](std::size_t at) {
    return static_cast<double>(end_ns_[at] - start_ns_[at]) >= wide_min_ns;
  };
  std::size_t left = first_ending_after(grid.left_ns(first));
  std::int64_t column = first;
  while (column < last && left < size()) {
    const std::int64_t from_ns = grid.left_ns(column);
    const std::int64_t to_ns = grid.left_ns(column + 1);
    left = gallop(left, size(), [&](std::size_t at) { return end_ns_[at] <= from_ns; });
    if (left == size()) break;
    if (start_ns_[left] >= to_ns) {
      column = std::max(column + 1, grid.column_of(start_ns_[left]));
      continue;
    }
    // Spans [left, right) touch this column; at most the outer two reach beyond it.
    const std::size_t right =
        gallop(left, size(), [&](std::size_t at) { return start_ns_[at] < to_ns; });
    std::size_t covering = size();
    if (wide(left) && grid.nearest_edge(start_ns_[left]) <= column &&
        grid.nearest_edge(end_ns_[left]) > column) {
      covering = left;
    } else if (wide(right - 1) && grid.nearest_edge(start_ns_[right - 1]) <= column) {
      covering = right - 1;
    }
    if (covering < size()) {
      const std::int64_t end = std::min(last, grid.nearest_edge(end_ns_[covering]));
      cells.push_back({.first = column,
                       .last = std::max(end, column + 1),
                       .span = static_cast<std::uint32_t>(covering)});
      column = cells.back().last;
      continue;
    }
    if (right - left > 2 || !wide(left) || !wide(right - 1)) {
      const auto shares = to_shares(times_in({from_ns, to_ns}), to_ns - from_ns);
      if (shares != decltype(shares){}) {
        if (!cells.empty() && cells.back().is_mixture() && cells.back().last == column &&
            cells.back().shares == shares) {
          ++cells.back().last;
        } else {
          cells.push_back({.first = column, .last = column + 1, .shares = shares});
        }
      }
    }
    ++column;
  }
  return cells;
}

}  // namespace taskscope::viewer
