// The two sets of colours. Plain data.
#pragma once

#include <cstdint>

namespace taskscope::viewer {

enum class Theme : std::uint8_t { Dark, Light };

}  // namespace taskscope::viewer
