// Loads the fonts into ImGui's atlas: Inter and JetBrains Mono where Debian puts them, else DejaVu,
// else ImGui's built-in one. UI thread, once per ImGui context.
#pragma once

#include "viewer/panels/canvas.h"

namespace taskscope::viewer {

// Builds the atlas of the current ImGui context, hatch tile included.
Fonts load_fonts(float scale);

}  // namespace taskscope::viewer
