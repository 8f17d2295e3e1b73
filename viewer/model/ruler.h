// Where the ruler's ticks stand. Pure functions, usable from any thread.
#pragma once

#include <cstdint>
#include <vector>

#include "viewer/model/time_range.h"

namespace taskscope::viewer {

struct Ticks {
  std::int64_t step_ns = 1;               // 1, 2 or 5 times a power of ten
  std::int64_t minor_step_ns = 1;         // a fifth or a fourth of it, or 1
  std::vector<std::int64_t> instants_ns;  // multiples of the step within the range, ascending
};

// The densest 1-2-5 ticks that are at least `distance_min_px` apart. REQUIRES: width_px > 0.
Ticks make_ticks(TimeRange range, double width_px, double distance_min_px);

}  // namespace taskscope::viewer
