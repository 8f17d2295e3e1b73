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
  answers_.reset();
  ImGui::DestroyContext(context_);
}

void Scene::set_session(SessionPtr session) {
  // Old pictures stay on screen for no frame longer than the new session needs for its own.
  pictures_ = std::make_unique<RowPictures>(session, wake_);
  session_ = std::move(session);
  if (answers_ == nullptr) answers_ = std::make_unique<Answers>(wake_);
  answers_->set_session(session_);
  cache_.session = nullptr;
  load_.stage =
      session_->stage() == SessionStage::Complete ? LoadStage::Ready : LoadStage::Decoding;
  const bool known = rows_.arrangement() != nullptr &&
                     rows_.arrangement()->session()->tasks().size() == session_->tasks().size();
  view_.reset(*session_);
  // Folds survive that the same tasks get their spans.
  if (!known) view_.folds = initial_folds(*answers_->arrangement({}));
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

void Scene::arrange_rows() {
  ArrangementOptions& options = view_.arrangement;
  // Rows do not change places while somebody moves: the range counts where it comes to rest.
  const bool at_rest = view_.time.target() == view_.time.visible() && view_.drag == Drag::None;
  if (options.sort != SortBy::Time) options.range = {};
  if (options.sort == SortBy::Time && at_rest) options.range = view_.time.visible();
  ArrangementPtr arrangement = answers_->arrangement(options);
  if (arrangement != rows_.arrangement()) {
    if (arrangement->grouping() != view_.folds.grouping) {
      view_.folds.groups = initial_folds(*arrangement).groups;
      view_.folds.grouping = arrangement->grouping();
    }
    pictures_->set_arrangement(arrangement);
    view_.rows_dirty = true;
  }
  if (!view_.rows_dirty) return;
  rows_ = RowList(std::move(arrangement), view_.folds, view_.pins, request_.scale);
  view_.area.reset();
  view_.rows_dirty = false;
}

CoverageTexture Scene::texture() const {
  const ImFontAtlas& atlas = *context_->IO.Fonts;
  return {atlas.TexPixelsAlpha8, atlas.TexWidth, atlas.TexHeight};
}

void Scene::draw(Kind kind, double seconds) {
  const auto begin = std::chrono::steady_clock::now();
  if (session_ != nullptr) arrange_rows();
  ImGui::NewFrame();
  FrameInput input;
  input.session = session_.get();
  input.pictures = pictures_.get();
  input.rows = &rows_;
  input.answers = answers_.get();
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
    if (answers_ != nullptr) answers_->wait_idle();
  }
  Image image{width_px, height_px, {}};
  rasterize(*ImGui::GetDrawData(), texture(), palette(view_.theme).void_color, image);
  return image;
}

}  // namespace taskscope::viewer
