// How far the panes can be drawn, px at scale 1: for mouse and keys, views as text, preferences.
#pragma once

namespace taskscope::viewer {

struct SizeLimits {
  float min = 0;
  float max = 0;
};

inline constexpr SizeLimits kLeftWidth{120, 600};
inline constexpr SizeLimits kDrawerHeight{60, 500};
inline constexpr SizeLimits kFindingsWidth{240, 800};
inline constexpr SizeLimits kProfileHeight{100, 700};

}  // namespace taskscope::viewer
