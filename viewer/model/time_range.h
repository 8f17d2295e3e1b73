// A half-open interval of recording time, in nanoseconds. A plain value.
#pragma once

#include <algorithm>
#include <cstdint>

namespace taskscope::viewer {

struct TimeRange {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;

  std::int64_t length_ns() const { return end_ns - start_ns; }
  bool contains(std::int64_t ns) const { return ns >= start_ns && ns < end_ns; }
  bool overlaps(std::int64_t from_ns, std::int64_t to_ns) const {
    return from_ns < end_ns && to_ns > start_ns;
  }

  friend bool operator==(const TimeRange&, const TimeRange&) = default;
};

}  // namespace taskscope::viewer
