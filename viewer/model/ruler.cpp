#include "viewer/model/ruler.h"

#include "runtime/base/check.h"

namespace taskscope::viewer {

Ticks make_ticks(TimeRange range, double width_px, double distance_min_px) {
  TASKSCOPE_CHECK(width_px > 0);
  Ticks ticks;
  const std::int64_t length = range.length_ns();
  if (length <= 0) return ticks;
  const double step_min = static_cast<double>(length) / width_px * distance_min_px;
  std::int64_t power = 1;
  while (static_cast<double>(power) * 10 <= step_min) power *= 10;
  std::int64_t factor = 10;
  for (const std::int64_t candidate : {1, 2, 5}) {
    if (static_cast<double>(power * candidate) >= step_min) {
      factor = candidate;
      break;
    }
  }
  ticks.step_ns = power * factor;
  const std::int64_t parts = factor == 2 ? 4 : 5;
  ticks.minor_step_ns = ticks.step_ns % parts == 0 ? ticks.step_ns / parts : ticks.step_ns;
  std::int64_t first = range.start_ns / ticks.step_ns * ticks.step_ns;
  if (first < range.start_ns) first += ticks.step_ns;
  for (std::int64_t ns = first; ns <= range.end_ns; ns += ticks.step_ns) {
    ticks.instants_ns.push_back(ns);
  }
  return ticks;
}

}  // namespace taskscope::viewer
