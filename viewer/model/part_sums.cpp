#include "viewer/model/part_sums.h"

#include <algorithm>

namespace taskscope::viewer {

void PartSums::merge_pairs(std::int64_t length_ns) {
  const std::size_t parts = partial_.size() / 2;
  ClassTimes covering{};  // of the part at hand
  ClassTimes before{};    // the same of the merged part before
  for (std::size_t part = 0; part < parts; ++part) {
    ClassTimes times{};
    ClassTimes first{};
    for (std::size_t c = 0; c < kStateClasses; ++c) {
      first[c] = covering[c] += whole_[2 * part][c];
      covering[c] += whole_[2 * part + 1][c];
      times[c] = partial_[2 * part][c] + partial_[2 * part + 1][c];
      // What covers the second one counts as covering both; the difference is made good.
      times[c] += (first[c] - covering[c]) * length_ns;
    }
    for (std::size_t c = 0; c < kStateClasses; ++c) whole_[part][c] = covering[c] - before[c];
    partial_[part] = times;
    before = covering;
  }
  std::fill(partial_.begin() + static_cast<std::ptrdiff_t>(parts), partial_.end(), ClassTimes{});
  std::fill(whole_.begin() + static_cast<std::ptrdiff_t>(parts), whole_.end(), ClassTimes{});
  // Nothing covers what comes behind.
  for (std::size_t c = 0; c < kStateClasses; ++c) whole_[parts][c] = -before[c];
}

void RunningSums::add(StateClass state_class, std::int64_t start_ns, std::int64_t end_ns) {
  while (static_cast<std::size_t>(end_ns >> shift_) >= sums_.size()) {
    const std::size_t wanted = std::min(parts_max_, spans_ / spans_per_part_);
    if (sums_.size() * 2 <= wanted) {
      sums_.resize(sums_.size() * 2);
    } else {
      sums_.merge_pairs(part_ns());
      ++shift_;
    }
  }
  const auto first = static_cast<std::size_t>(start_ns >> shift_);
  const auto last = static_cast<std::size_t>(end_ns >> shift_);
  const std::int64_t first_end = static_cast<std::int64_t>(first + 1) << shift_;
  sums_.add(state_class, first, std::min(end_ns, first_end) - start_ns, last,
            end_ns - (static_cast<std::int64_t>(last) << shift_));
  ++spans_;
  times_[index_of(state_class)] += end_ns - start_ns;
  end_ns_ = std::max(end_ns_, end_ns);
}

std::vector<ClassTimes> RunningSums::before() const {
  const auto parts = static_cast<std::size_t>(end_ns_ >> shift_) + 1;
  std::vector<ClassTimes> before(parts + 1);
  sums_.each([&](std::size_t) { return part_ns(); },
             [&](std::size_t part, const ClassTimes& times) {
               if (part >= parts) return;
               for (std::size_t c = 0; c < kStateClasses; ++c) {
                 before[part + 1][c] = before[part][c] + times[c];
               }
             });
  return before;
}

}  // namespace taskscope::viewer
