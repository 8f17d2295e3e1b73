#include "viewer/platform/scene.h"

#include <imgui.h>
#include <imgui_internal.h>

#include <chrono>
#include <utility>

#include "viewer/panels/palette.h"
#include "viewer/platform/fonts.h"

namespace taskscope::viewer {

Scene::Scene(const ViewRequest& request, std::function<void()> wake)
    : request_(request), wake_(std::move(wake)), context_(ImGui::CreateContext()) {
  ImGui::SetCurrentContext(context_);
  ImGuiIO& io = ImGui::GetIO();
  io.IniFilename = nullptr;
  io.LogFilename = nullptr;
  io.BackendFlags |= ImGuiBackendFlags_RendererHasVtxOffset;
  io.MouseDragThreshold = 4;
  // Whole pixels need no smoothing, and triangles without it cost a third of the vertices.
  ImGui::GetStyle().AntiAliasedFill = false;
  ImGui::GetStyle().AntiAliasedLines = false;
  fonts_ = load_fonts(request.scale);
  view_.theme = request.theme;
  load_.path = request.path;
  load_.stage = LoadStage::Opening;
}

Scene::~Scene() {
  pictures_.reset();
  ImGui::DestroyContext(context_);
}

void Scene::set_session(SessionPtr session) {
  // Old pictures stay on screen for no frame longer than the new session needs for its own.
  pictures_ = std::make_unique<RowPictures>(session, wake_);
  session_ = std::move(session);
  cache_.session = nullptr;
  load_.stage =
      session_->stage() == SessionStage::Complete ? LoadStage::Ready : LoadStage::Decoding;
  view_.reset(*session_);
  apply_request();
}

// What was asked for, as far as the session has it by now.
void Scene::apply_request() {
  if (request_.range) view_.time.show(*std::exchange(request_.range, std::nullopt));
  if (request_.selected_task && session_->stage() != SessionStage::Overview) {
    view_.selection.task =
        session_->find_task(*std::exchange(request_.selected_task, std::nullopt));
    view_.reveal = view_.selection.task;
  }
}

CoverageTexture Scene::texture() const {
  const ImFontAtlas& atlas = *context_->IO.Fonts;
  return {atlas.TexPixelsAlpha8, atlas.TexWidth, atlas.TexHeight};
}

void Scene::draw(Kind kind, double seconds) {
  const auto begin = std::chrono::steady_clock::now();
  if (session_ != nullptr && view_.rows_dirty) {
    rows_ = RowList(*session_, view_.folds, request_.scale);
    view_.rows_dirty = false;
  }
  ImGui::NewFrame();
  FrameInput input;
  input.session = session_.get();
  input.pictures = pictures_.get();
  input.rows = &rows_;
  input.fonts = &fonts_;
  input.load = load_;
  input.scale = request_.scale;
  input.seconds = seconds;
  input.last_frame_ms = last_frame_ms_;
  input.footer = kind == Kind::Picture;
  draw_frame(input, view_, cache_);
  ImGui::Render();
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begin;
  last_frame_ms_ = spent.count();
}

Image Scene::picture(int width_px, int height_px) {
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {static_cast<float>(width_px), static_cast<float>(height_px)};
  io.DeltaTime = 1.0F / 60;
  // The first frame lays out and orders the rows' pictures, the last one has them.
  for (int frame = 0; frame < 3; ++frame) {
    view_.time.finish_motion();
    draw(Kind::Picture, 0);
    if (pictures_ != nullptr) pictures_->wait_idle();
  }
  Image image{width_px, height_px, {}};
  rasterize(*ImGui::GetDrawData(), texture(), palette(view_.theme).void_color, image);
  return image;
}

}  // namespace taskscope::viewer
