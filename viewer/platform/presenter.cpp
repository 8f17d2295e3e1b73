#include "viewer/platform/presenter.h"

#include <GL/gl.h>
#include <backends/imgui_impl_opengl3.h>

#include <string_view>

#include "viewer/panels/palette.h"

namespace taskscope::viewer {
namespace {

class GpuPresenter : public Presenter {
 public:
  GpuPresenter() { ImGui_ImplOpenGL3_Init("#version 130"); }
  ~GpuPresenter() override { ImGui_ImplOpenGL3_Shutdown(); }

  void begin_frame() override { ImGui_ImplOpenGL3_NewFrame(); }
  void present(const Scene& scene, int width_px, int height_px) override {
    const ImVec4 color = ImGui::ColorConvertU32ToFloat4(palette(scene.view().theme).void_color);
    glViewport(0, 0, width_px, height_px);
    glClearColor(color.x, color.y, color.z, 1);
    glClear(GL_COLOR_BUFFER_BIT);
    ImGui_ImplOpenGL3_RenderDrawData(ImGui::GetDrawData());
  }
};

class CpuPresenter : public Presenter {
 public:
  void begin_frame() override {}
  void present(const Scene& scene, int width_px, int height_px) override {
    image_.width = width_px;
    image_.height = height_px;
    rasterize(*ImGui::GetDrawData(), scene.texture(), palette(scene.view().theme).void_color,
              image_);
    glViewport(0, 0, width_px, height_px);
    glPixelStorei(GL_UNPACK_ALIGNMENT, 4);
    // OpenGL counts rows from the bottom; ours start at the top.
    glRasterPos2f(-1, 1);
    glPixelZoom(1, -1);
    glDrawPixels(width_px, height_px, GL_RGBA, GL_UNSIGNED_BYTE, image_.pixels.data());
  }

 private:
  Image image_;
};

std::string_view gl_text(GLenum name) {
  const GLubyte* text = glGetString(name);
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

}  // namespace

std::unique_ptr<Presenter> Presenter::make() {
  const std::string_view renderer = gl_text(GL_RENDERER);
  const std::string_view version = gl_text(GL_VERSION);
  for (const std::string_view slow : {"llvmpipe", "softpipe", "swrast", "Software Rasterizer"}) {
    if (renderer.find(slow) != std::string_view::npos) return std::make_unique<CpuPresenter>();
  }
  // ImGui's renderer needs OpenGL 3.
  if (version.empty() || version.front() < '3') return std::make_unique<CpuPresenter>();
  return std::make_unique<GpuPresenter>();
}

}  // namespace taskscope::viewer
