// Time per class in equal parts of some stretch, summed up from spans: those that a span covers
// wholly cost nothing.
//
// PartSums is for parts that are known beforehand, RunningSums for a recording that goes on: its
// parts become longer as it does. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "viewer/model/state_class.h"

namespace taskscope::viewer {

class PartSums {
 public:
  explicit PartSums(std::size_t parts) : whole_(parts + 1), partial_(parts) {}

  // From within part `first` to within part `last`; `at_first` and `at_last` ns of these.
  void add(StateClass state_class, std::size_t first, std::int64_t at_first, std::size_t last,
           std::int64_t at_last) {
    const std::size_t state = index_of(state_class);
    partial_[first][state] += at_first;
    if (last == first) return;
    partial_[last][state] += at_last;
    whole_[first + 1][state] += 1;
    whole_[last][state] -= 1;
  }

  std::size_t size() const { return partial_.size(); }
  void resize(std::size_t parts) {
    whole_.resize(parts + 1);
    partial_.resize(parts);
  }
  // Makes one part of each two, of `length_ns` each.
  void merge_pairs(std::int64_t length_ns);

  // Calls visit(part, times) in order; length_ns(part) is how long each is.
  template <class Length, class Visit>
  void each(const Length& length_ns, const Visit& visit) const {
    ClassTimes covering{};
    for (std::size_t part = 0; part < partial_.size(); ++part) {
      ClassTimes times = partial_[part];
      for (std::size_t c = 0; c < kStateClasses; ++c) {
        covering[c] += whole_[part][c];
        times[c] += covering[c] * length_ns(part);
      }
      visit(part, times);
    }
  }

 private:
  // At which parts the number of spans that cover them wholly changes.
  std::vector<ClassTimes> whole_;
  std::vector<ClassTimes> partial_;
};

class RunningSums {
 public:
  // Most parts there will be, a power of two. They become more with the spans, up to one for each
  // `spans_per_part`.
  RunningSums(std::size_t parts_max, std::size_t spans_per_part)
      : parts_max_(parts_max), spans_per_part_(spans_per_part), sums_(kPartsMin) {}

  // REQUIRES: 0 <= start_ns <= end_ns.
  void add(StateClass state_class, std::int64_t start_ns, std::int64_t end_ns);

  std::size_t spans() const { return spans_; }
  const ClassTimes& times() const { return times_; }  // of all
  std::int64_t end_ns() const { return end_ns_; }     // of the last one to end
  std::int64_t part_ns() const { return std::int64_t{1} << shift_; }
  // Before 0, part_ns(), 2 × part_ns(), … up to the first instant at which all spans have ended.
  std::vector<ClassTimes> before() const;

 private:
  static constexpr std::size_t kPartsMin = 64;
  static constexpr unsigned kFirstShift = 14;  // 16 µs

  // Constant after construction.
  std::size_t parts_max_;
  std::size_t spans_per_part_;

  PartSums sums_;
  unsigned shift_ = kFirstShift;  // a part is 2 to the power of this ns
  std::size_t spans_ = 0;
  std::int64_t end_ns_ = 0;
  ClassTimes times_{};
};

}  // namespace taskscope::viewer
