// A counter of the program over time: steps up and down, and what it takes to find the smallest and
// the largest value of any stretch.
//
// Owns its columns. Immutable after construction; usable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "viewer/model/counter_track.h"
#include "viewer/model/time_range.h"

namespace taskscope::viewer {

class ValueTrack {
 public:
  struct Bounds {
    std::int64_t low = 0;
    std::int64_t high = 0;
    friend bool operator==(const Bounds&, const Bounds&) = default;
  };
  using Samples = std::vector<std::pair<std::int64_t, std::int64_t>>;  // ns and value

  ValueTrack() = default;
  // From each sample's ns on the value is that; before the first nothing is known of it.
  // REQUIRES: the samples are in the order of time.
  explicit ValueTrack(const Samples& samples);

  bool empty() const { return above_.empty(); }
  const Bounds& bounds() const { return bounds_; }  // of all samples
  // Nothing where nothing is known. The cost does not depend on how many samples the range has, but
  // for their logarithm.
  std::optional<Bounds> bounds_in(TimeRange range) const;
  std::optional<std::int64_t> value_at(std::int64_t ns) const;

 private:
  // Constant after construction.
  CounterTrack above_;  // how far the value is above the smallest
  CounterTrack below_;  // how far it is below the largest
  Bounds bounds_;
  std::int64_t first_ns_ = 0;
};

// A counter with its name, as a row shows it.
struct NamedCounter {
  std::string name;
  std::string unit;  // may be empty
  ValueTrack values;
};

// "1,024", "-3", "12 bytes".
std::string value_text(std::int64_t value);
std::string value_text(const NamedCounter& counter, std::int64_t value);

}  // namespace taskscope::viewer
