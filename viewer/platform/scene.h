// Everything a window or a picture needs to draw frames of one recording: session, row pictures,
// row list, view state, fonts and an ImGui context of its own. UI thread only, except for
// the callback that row queries call when a picture is ready.
#pragma once

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "viewer/model/finding_search.h"
#include "viewer/model/view_request.h"
#include "viewer/panels/frame.h"
#include "viewer/platform/png_writer.h"
#include "viewer/platform/soft_rasterizer.h"
#include "viewer/platform/source_files.h"

struct ImGuiContext;

namespace taskscope::viewer {

class Scene {
 public:
  Scene(const ViewRequest& request, std::function<void()> wake);
  ~Scene();
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  // Replaces what is shown; what the request says of the view applies to the first session that
  // has it. Afterwards missing() is a sentence about what a complete one does not have, or "".
  // `where` is what findings are looked for in.
  using Findings = FindingSearch::Where;
  void set_session(SessionPtr session, Findings where = Findings::Stored);
  const std::string& missing() const { return missing_; }
  // The same recording, read again: what is in view stays, but for rows that are new.
  void refresh(SessionPtr session, Findings where = Findings::Stored);
  // Nothing is open, or something else is about to be, at `path`. Tastes stay.
  void forget(const std::string& path);
  void set_load(LoadStatus load) { load_ = std::move(load); }
  // Both are borrowed until the next call.
  void set_start(const StartContent* start) { start_ = start; }
  void set_live(const LiveInfo* live) { live_ = live; }
  // Of a recording under way: what waits now (FindingSearch).
  void set_waiting(std::vector<store::WaitingGroup> groups) {
    search_->set_waiting(std::move(groups));
  }

  enum class Kind : std::uint8_t { Window, Picture };
  // NewFrame to Render, at ImGui's display size. The result is in ImGui::GetDrawData().
  void draw(Kind kind, double seconds, DrawingRecord* record = nullptr);
  // As draw(Picture), waiting for every row, and rasterised.
  Image picture(int width_px, int height_px);
  // The same as SVG.
  std::string vector_picture(int width_px, int height_px);

  // The view as a text and the other way; after an error the view is what it was. The sentence, if
  // there is one, is about what this recording does not have. REQUIRES: session() is not null.
  std::string view_text() const;
  Result<std::string> set_view_text(std::string_view text);

  ViewState& view() { return view_; }
  const ViewState& view() const { return view_; }
  CoverageTexture texture() const;
  const SessionPtr& session() const { return session_; }
  double last_frame_ms() const { return last_frame_ms_; }
  float scale() const { return request_.scale; }

 private:
  void apply_wanted();
  void settle_findings();
  void tell_news(const FindingList& before);
  void retire_pictures();
  void draw_picture(int width_px, int height_px, DrawingRecord* record);
  // Rows as they were chosen, once the arrangement of the tasks is there.
  void arrange_rows();
  void make_rows(ArrangementPtr arrangement);

  ViewRequest request_;
  std::optional<ViewDescription> wanted_;  // until a complete session had it; what was applied once
                                           // and for all is gone from it
  Selection applied_;                      // by it
  std::string missing_;
  std::function<void()> wake_;
  ImGuiContext* context_ = nullptr;
  Fonts fonts_;
  SessionPtr session_;
  std::unique_ptr<RowPictures> pictures_;
  std::vector<std::future<void>> retired_;  // those of earlier sessions, while they end
  std::unique_ptr<Answers> answers_;
  std::unique_ptr<FindingSearch> search_;
  FindingSearch::Where where_ = FindingSearch::Where::Stored;
  FindingState findings_;  // of this frame
  bool refreshing_ = false;
  RowList rows_;
  ViewState view_;
  FrameCache cache_;
  SourceFiles source_;
  LoadStatus load_;
  const StartContent* start_ = nullptr;
  const LiveInfo* live_ = nullptr;
  double last_frame_ms_ = 0;
};

}  // namespace taskscope::viewer
