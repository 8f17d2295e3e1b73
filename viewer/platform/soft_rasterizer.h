// Draws ImDrawData on the CPU: pictures without a display, and windows whose OpenGL is a software
// one anyway. Deterministic. One call at a time per target.
#pragma once

#include <imgui.h>

#include <cstdint>
#include <vector>

#include "viewer/platform/png_writer.h"

namespace taskscope::viewer {

// The font atlas: one byte of coverage per texel. Borrowed from ImGui while the atlas lives.
struct CoverageTexture {
  const std::uint8_t* texels = nullptr;
  int width = 0;
  int height = 0;
};

// Clears the image to `background` and draws over it. The image's size is that of the frame buffer.
void rasterize(const ImDrawData& data, const CoverageTexture& texture, std::uint32_t background,
               Image& image);

}  // namespace taskscope::viewer
