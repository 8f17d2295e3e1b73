#include "viewer/model/stack_heights.h"

#include <algorithm>

namespace taskscope::viewer {

std::array<int, kStateClasses> stack_heights(const std::array<std::uint8_t, kStateClasses>& shares,
                                             int height_px, int severe_min_px) {
  std::array<int, kStateClasses> heights{};
  int sum = 0;
  for (const std::uint8_t share : shares) sum += share;
  if (sum == 0 || height_px <= 0) return heights;
  const int whole = std::max(sum, 255);  // shares round up, so a full column may exceed 255
  const int wanted = std::max(1, (sum * height_px + whole / 2) / whole);
  std::array<int, kStateClasses> remainders{};
  int used = 0;
  for (std::size_t c = 0; c < kStateClasses; ++c) {
    heights[c] = shares[c] * wanted / sum;
    remainders[c] = shares[c] * wanted % sum;
    used += heights[c];
  }
  for (; used < wanted; ++used) {
    const auto largest = std::max_element(remainders.begin(), remainders.end());
    ++heights[static_cast<std::size_t>(largest - remainders.begin())];
    *largest = -1;
  }
  for (const StateClass state : kBySeverity) {
    const std::size_t c = index_of(state);
    if (!is_severe(state) || shares[c] == 0) continue;
    while (heights[c] < severe_min_px) {
      const auto tallest = std::max_element(heights.begin(), heights.end());
      if (used < height_px) {
        ++used;
      } else if (*tallest > severe_min_px) {
        --*tallest;
      } else {
        break;
      }
      ++heights[c];
    }
  }
  return heights;
}

}  // namespace taskscope::viewer
