#include "viewer/model/group_index.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "viewer/model/part_sums.h"

namespace taskscope::viewer {
namespace {

// Below, summing all spans takes a few milliseconds.
constexpr std::size_t kSmallSpans = std::size_t{1} << 19;
constexpr std::size_t kSpansPerBin = 128;
constexpr std::size_t kBinsMax = std::size_t{1} << 18;
constexpr double kBinsPerColumn = 4;

}  // namespace

void append_run(std::vector<Cell>& cells, std::int64_t column,
                const std::array<std::uint8_t, kStateClasses>& shares) {
  if (shares == std::array<std::uint8_t, kStateClasses>{}) return;
  if (!cells.empty() && cells.back().last == column && cells.back().shares == shares) {
    ++cells.back().last;
  } else {
    cells.push_back({.first = column, .last = column + 1, .shares = shares});
  }
}

GroupIndex::GroupIndex(std::vector<const Track*> members) : members_(std::move(members)) {
  measure();
  for (const Track* track : members_) {
    const ClassTimes times = track->times_before(INT64_MAX);
    for (std::size_t c = 0; c < kStateClasses; ++c) times_[c] += times[c];
  }
  if (size_ >= kSmallSpans) make_bins();
}

GroupIndex::GroupIndex(std::vector<const Track*> members, const RunningSums& sums)
    : members_(std::move(members)), times_(sums.times()) {
  measure();
  if (size_ < kSmallSpans) return;
  bin_ns_ = sums.part_ns();
  bins_ = sums.before();
}

void GroupIndex::measure() {
  std::erase_if(members_, [](const Track* track) { return track->empty(); });
  if (members_.empty()) return;
  start_ns_ = members_.front()->start_ns();
  for (const Track* track : members_) {
    size_ += track->size();
    start_ns_ = std::min(start_ns_, track->start_ns());
    end_ns_ = std::max(end_ns_, track->end_ns());
  }
  count_alive();
}

void GroupIndex::count_alive() {
  std::vector<std::int64_t> begins;
  std::vector<std::int64_t> ends;
  begins.reserve(members_.size());
  ends.reserve(members_.size());
  for (const Track* track : members_) {
    begins.push_back(track->start_ns());
    ends.push_back(track->end_ns());
  }
  std::sort(begins.begin(), begins.end());
  std::sort(ends.begin(), ends.end());
  std::size_t ended = 0;
  for (std::size_t begun = 0; begun < begins.size(); ++begun) {
    while (ended < begun && ends[ended] <= begins[begun]) ++ended;
    alive_max_ = std::max(alive_max_, static_cast<std::uint32_t>(begun + 1 - ended));
  }
}

void GroupIndex::make_bins() {
  bins_start_ns_ = start_ns_;
  const std::size_t wanted = std::bit_floor(std::min(size_ / kSpansPerBin, kBinsMax));
  bin_ns_ = (end_ns_ - start_ns_) / static_cast<std::int64_t>(wanted) + 1;
  const auto bin_of = [&](std::int64_t ns) {
    return static_cast<std::size_t>((ns - start_ns_) / bin_ns_);
  };
  const auto bin_start = [&](std::size_t bin) {
    return start_ns_ + static_cast<std::int64_t>(bin) * bin_ns_;
  };
  PartSums sums(wanted + 1);
  for (const Track* track : members_) {
    TrackWalk walk(*track, INT64_MIN);
    while (const TrackSpan* span = walk.next()) {
      const std::size_t first = bin_of(span->start_ns);
      const std::size_t last = bin_of(span->end_ns);
      const std::int64_t first_end = std::min(span->end_ns, bin_start(first + 1));
      sums.add(span->state_class, first, first_end - span->start_ns, last,
               span->end_ns - bin_start(last));
    }
  }
  bins_.resize(wanted + 2);
  sums.each([&](std::size_t) { return bin_ns_; },
            [&](std::size_t bin, const ClassTimes& times) {
              for (std::size_t c = 0; c < kStateClasses; ++c) {
                bins_[bin + 1][c] = bins_[bin][c] + times[c];
              }
            });
}

// Between two known instants as if all were evenly spread.
ClassTimes GroupIndex::binned_before(std::int64_t ns) const {
  if (ns <= start_ns_) return {};
  if (ns >= end_ns_) return times_;
  const std::int64_t after_ns = ns - bins_start_ns_;
  const auto bin = static_cast<std::size_t>(after_ns / bin_ns_);
  const auto part = static_cast<double>(after_ns % bin_ns_) / static_cast<double>(bin_ns_);
  ClassTimes times = bins_[bin];
  for (std::size_t c = 0; c < kStateClasses; ++c) {
    times[c] += static_cast<std::int64_t>(part * static_cast<double>(bins_[bin + 1][c] - times[c]));
  }
  return times;
}

void GroupIndex::add_times(const ColumnGrid& grid, std::int64_t first,
                           std::vector<ClassTimes>& sums) const {
  if (sums.empty() || empty()) return;
  const auto column_start = [&](std::size_t at) {
    return grid.left_ns(first + static_cast<std::int64_t>(at));
  };
  const auto add = [&](std::size_t at, const ClassTimes& times) {
    for (std::size_t c = 0; c < kStateClasses; ++c) sums[at][c] += times[c];
  };
  if (!bins_.empty() && grid.ns_per_px >= kBinsPerColumn * static_cast<double>(bin_ns_)) {
    ClassTimes before = binned_before(column_start(0));
    for (std::size_t at = 0; at < sums.size(); ++at) {
      const ClassTimes until = binned_before(column_start(at + 1));
      ClassTimes times{};
      for (std::size_t c = 0; c < kStateClasses; ++c) times[c] = until[c] - before[c];
      add(at, times);
      before = until;
    }
    return;
  }
  const std::int64_t from_ns = column_start(0);
  const std::int64_t to_ns = column_start(sums.size());
  PartSums parts(sums.size());
  for (const Track* track : members_) {
    if (track->end_ns() <= from_ns || track->start_ns() >= to_ns) continue;
    TrackWalk walk(*track, from_ns);
    for (const TrackSpan* span = walk.next(); span != nullptr; span = walk.next()) {
      if (span->start_ns >= to_ns) break;
      const std::int64_t start_ns = std::max(span->start_ns, from_ns);
      const std::int64_t end_ns = std::min(span->end_ns, to_ns);
      if (end_ns <= start_ns) continue;
      const auto begin = static_cast<std::size_t>(grid.column_of(start_ns) - first);
      const auto end = static_cast<std::size_t>(grid.column_of(end_ns - 1) - first);
      parts.add(span->state_class, begin, std::min(end_ns, column_start(begin + 1)) - start_ns, end,
                end_ns - column_start(end));
    }
  }
  parts.each([&](std::size_t at) { return column_start(at + 1) - column_start(at); }, add);
}

std::vector<Cell> GroupIndex::cells(const ColumnGrid& grid, std::int64_t first,
                                    std::int64_t last) const {
  std::vector<Cell> cells;
  if (empty()) return cells;
  first = std::max(first, grid.column_of(start_ns_));
  last = std::min(last, grid.column_of(end_ns_) + 1);
  if (first >= last) return cells;
  std::vector<ClassTimes> sums(static_cast<std::size_t>(last - first));
  add_times(grid, first, sums);
  for (std::int64_t column = first; column < last; ++column) {
    const std::int64_t length_ns = grid.left_ns(column + 1) - grid.left_ns(column);
    append_run(cells, column,
               to_shares(sums[static_cast<std::size_t>(column - first)], length_ns * alive_max_));
  }
  return cells;
}

}  // namespace taskscope::viewer
