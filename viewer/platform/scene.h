// Everything a window or a picture needs to draw frames of one recording: session, row pictures,
// row list, view state, fonts and an ImGui context of its own. UI thread only, except for
// the callback that row queries call when a picture is ready.
#pragma once

#include <functional>
#include <memory>

#include "viewer/model/view_request.h"
#include "viewer/panels/frame.h"
#include "viewer/platform/png_writer.h"
#include "viewer/platform/soft_rasterizer.h"

struct ImGuiContext;

namespace taskscope::viewer {

class Scene {
 public:
  Scene(const ViewRequest& request, std::function<void()> wake);
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  // Replaces what is shown; range and selection of the request apply to the first that has them.
  void set_session(SessionPtr session);
  void set_load(LoadStatus load) { load_ = std::move(load); }

  enum class Kind : std::uint8_t { Window, Picture };
  // NewFrame to Render, at ImGui's display size. The result is in ImGui::GetDrawData().
  void draw(Kind kind, double seconds);
  // As draw(Picture), waiting for every row, and rasterised.
  Image picture(int width_px, int height_px);

  ViewState& view() { return view_; }
  const ViewState& view() const { return view_; }
  CoverageTexture texture() const;
  const SessionPtr& session() const { return session_; }
  double last_frame_ms() const { return last_frame_ms_; }
  float scale() const { return request_.scale; }

 private:
  void apply_request();
  // Rows as they were chosen, once the arrangement of the tasks is there.
  void arrange_rows();

  ViewRequest request_;  // what was applied of it is gone from it
  std::function<void()> wake_;
  ImGuiContext* context_ = nullptr;
  Fonts fonts_;
  SessionPtr session_;
  std::unique_ptr<RowPictures> pictures_;
  std::unique_ptr<Answers> answers_;
  RowList rows_;
  ViewState view_;
  FrameCache cache_;
  LoadStatus load_;
  double last_frame_ms_ = 0;
};

}  // namespace taskscope::viewer
