// SVG of what the panels drew: rectangles as rectangles, text as text that can be searched, copied
// and edited. Needs no fonts where it is shown: other ones are squeezed into the same widths.
// Pure; usable from any thread that may read the fonts.
#pragma once

#include <string>

#include "viewer/panels/canvas.h"

namespace taskscope::viewer {

struct SvgOptions {
  int width = 0;  // px
  int height = 0;
  std::string title;
};

// A whole document, in UTF-8. Text that is not becomes U+FFFD where it is wrong.
std::string to_svg(const DrawingRecord& record, const Fonts& fonts, const SvgOptions& options);

}  // namespace taskscope::viewer
