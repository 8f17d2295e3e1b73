// PNG files by libpng. Stateless; usable from any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/base/result.h"

namespace taskscope::viewer {

// Pixels as 0xAABBGGRR (bytes R, G, B, A in memory), row by row; alpha is taken as opaque.
struct Image {
  int width = 0;
  int height = 0;
  std::vector<std::uint32_t> pixels;
};

// Replaces the file if it exists. The picture is complete or, after an error, not there.
Result<void> write_png(const Image& image, const std::string& path);
Result<Image> read_png(const std::string& path);

}  // namespace taskscope::viewer
