// How a mixture becomes pixels: heights per class that add up and hide nothing severe. Pure.
#pragma once

#include <array>
#include <cstdint>

#include "viewer/model/state_class.h"

namespace taskscope::viewer {

// Heights in px by class for `shares` (of 255) in a column of `height_px`. Each class gets its part
// rounded down, what is left goes to the largest remainders; severe classes with any share get at
// least `severe_min_px`, taken from the tallest. The sum is at most height_px.
std::array<int, kStateClasses> stack_heights(const std::array<std::uint8_t, kStateClasses>& shares,
                                             int height_px, int severe_min_px);

}  // namespace taskscope::viewer
