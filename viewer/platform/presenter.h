// Brings a drawn frame to the screen of the current OpenGL context: through ImGui's own OpenGL
// renderer, or, where OpenGL runs on the CPU, rasterised by us and shown as one picture (a fifth of
// the time). Thread of the OpenGL context only.
#pragma once

#include <memory>

#include "viewer/platform/scene.h"

namespace taskscope::viewer {

class Presenter {
 public:
  // Chooses by the renderer's name. REQUIRES: a current OpenGL context and ImGui context.
  static std::unique_ptr<Presenter> make();
  virtual ~Presenter() = default;

  virtual void begin_frame() = 0;
  // Shows ImGui::GetDrawData() in a frame buffer of this size; the caller swaps.
  virtual void present(const Scene& scene, int width_px, int height_px) = 0;
};

}  // namespace taskscope::viewer
