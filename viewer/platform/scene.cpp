#include "viewer/platform/scene.h"

#include <fmt/format.h>
#include <imgui.h>
#include <imgui_internal.h>

#include <chrono>
#include <utility>

#include "viewer/model/view_text.h"
#include "viewer/panels/palette.h"
#include "viewer/platform/fonts.h"
#include "viewer/platform/svg_writer.h"

namespace taskscope::viewer {
namespace {

constexpr std::chrono::milliseconds kRefreshWait{30};
constexpr double kNewsSeconds = 10;
constexpr float kProfileShare = 0.55F;  // of the height, of a view of calls

}  // namespace

Scene::Scene(const ViewRequest& request, std::function<void()> wake)
    : request_(request),
      wake_(std::move(wake)),
      context_(ImGui::CreateContext()),
      search_(std::make_unique<FindingSearch>(wake_)),
      findings_(search_->poll()) {
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
  ViewDescription wanted = request.view_state;
  if (request.range) wanted.range = request.range;
  if (request.theme) wanted.theme = request.theme;
  if (request.grouping) wanted.grouping = *request.grouping;
  if (request.selected_task) {
    wanted.task = request.selected_task;
    wanted.span_ns.reset();
    wanted.worker.reset();
    wanted.finding.reset();
    wanted.top.reset();
  }
  if (request.findings || request.finding) wanted.findings = "all";
  if (request.finding) wanted.finding = request.finding;
  if (request.view == "memory") {
    wanted.memory = {true, wanted.memory.value_or(ViewDescription::MemoryOpen{}).filter};
    if (!wanted.profile_height) {
      wanted.profile_height = static_cast<float>(request.height) * kProfileShare;
    }
  }
  if (request.view == "cpu" || request.view == "waits") {
    const ProfileOf of = request.view == "cpu" ? ProfileOf::Cpu : ProfileOf::Waits;
    const auto shown = wanted.profile.value_or(ViewDescription::Profile{});
    wanted.profile = {true, of, shown.scope};
    if (!wanted.profile_height) {
      wanted.profile_height = static_cast<float>(request.height) * kProfileShare;
    }
  }
  if (request.view == "waits-for") wanted.wait_for = true;
  view_.go_to_wanted_finding = request.finding.has_value();
  if (wanted.theme) view_.theme = *wanted.theme;
  if (wanted.findings) view_.findings_pane.open = *wanted.findings != "closed";
  if (wanted != ViewDescription{}) wanted_ = std::move(wanted);
  load_.path = request.path;
  load_.stage = LoadStage::Opening;
}

Scene::~Scene() {
  pictures_.reset();
  retired_.clear();
  answers_.reset();
  search_.reset();
  ImGui::DestroyContext(context_);
}

// Queries that are being answered for it end before it does, which nobody should wait for.
void Scene::retire_pictures() {
  std::erase_if(retired_, [](const std::future<void>& ending) {
    return ending.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  if (pictures_ == nullptr) return;
  // thread: ends the old ones, and frees what only they had.
  retired_.push_back(
      std::async(std::launch::async, [old = std::move(pictures_)]() mutable { old.reset(); }));
}

void Scene::set_session(SessionPtr session, Findings where) {
  // Old pictures stay on screen for no frame longer than the new session needs for its own.
  retire_pictures();
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
  // Of another recording, or tasks of a list that was made of more of them are none of these.
  const bool fits = findings_.list->task_count() <= session_->tasks().size();
  if (!fits || (!known && !refreshing_)) {
    search_->forget();
    findings_ = search_->poll();
  }
  where_ = where;
  if (session_->stage() != SessionStage::Overview) search_->look(session_, where);
  if (view_.finding && *view_.finding >= findings_.list->size()) view_.finding.reset();
  apply_wanted();
}

void Scene::refresh(SessionPtr session, Findings where) {
  if (session_ == nullptr) return set_session(std::move(session), where);
  ViewDescription now = describe(*session_, view_, rows_, request_.scale);
  now.range.reset();  // stays by itself, motion and all
  // So does the finding that is read: what it is by number may be another one.
  const std::optional<std::size_t> finding = view_.finding;
  if (finding) now.finding.reset();
  refreshing_ = true;
  set_session(std::move(session), where);
  refreshing_ = false;
  const bool animating = view_.animating;
  (void)apply(now, *session_, view_);
  if (finding && *finding < findings_.list->size()) view_.finding = finding;
  // Its rows have no pictures yet, and rows that blink are worse than a frame that is a little
  // late.
  draw(Kind::Window, 0);
  pictures_->wait_idle_for(kRefreshWait);
  view_.animating = animating;
}

void Scene::forget(const std::string& path) {
  pictures_.reset();
  answers_.reset();
  search_->forget();
  findings_ = search_->poll();
  session_.reset();
  rows_ = RowList();
  cache_.session = nullptr;
  wanted_.reset();
  missing_.clear();
  applied_ = {};
  ViewState fresh;
  fresh.theme = view_.theme;
  fresh.left_width = view_.left_width;
  fresh.drawer_height = view_.drawer_height;
  fresh.findings_width = view_.findings_width;
  fresh.findings_pane.open = view_.findings_pane.open;
  fresh.show_regions = view_.show_regions;
  fresh.show_samples = view_.show_samples;
  fresh.profile_height = view_.profile_height;
  fresh.profile.open = view_.profile.open;
  fresh.memory.open = view_.memory.open;
  view_ = std::move(fresh);
  request_.path = path;
  load_ = {.stage = LoadStage::Opening, .path = path};
}

// What was asked for, as far as the session has it by now and nobody has chosen otherwise since.
void Scene::apply_wanted() {
  if (!wanted_) return;
  if (view_.selection.task != applied_.task || view_.selection.worker != applied_.worker) {
    wanted_.reset();
    return;
  }
  missing_ = apply(*wanted_, *session_, view_);
  // They are as at first anyway, or as somebody has folded them since.
  if (wanted_->folds == FoldNames{}) view_.wanted_folds.reset();
  // Once a task was asked for by number it is to be seen, wherever the rows are scrolled to.
  if (!wanted_->top) view_.reveal = view_.selection.task;
  applied_ = view_.selection;
  wanted_->range.reset();
  wanted_->theme.reset();
  wanted_->left_width.reset();
  wanted_->drawer_height.reset();
  wanted_->findings_width.reset();
  wanted_->findings.reset();
  wanted_->profile.reset();
  wanted_->memory.reset();
  wanted_->profile_height.reset();
  if (session_->stage() == SessionStage::Complete) wanted_.reset();
}

std::string Scene::view_text() const {
  return to_text(describe(*session_, view_, rows_, request_.scale));
}

Result<std::string> Scene::set_view_text(std::string_view text) {
  Result<ViewDescription> wanted = parse_view(text);
  if (!wanted) return wanted.error();
  view_.time.remember();
  std::string missing = apply(*wanted, *session_, view_);
  if (!wanted->top) view_.reveal = view_.selection.task;
  return missing;
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
  const bool arranged = !answers_->arranging();
  if (view_.wanted_folds && arranged) {
    const FoldNames wanted = *std::exchange(view_.wanted_folds, std::nullopt);
    std::string missing = apply_folds(wanted, *arrangement, view_.folds);
    if (missing_.empty()) missing_ = std::move(missing);
    view_.rows_dirty = true;
  }
  if (view_.rows_dirty) make_rows(std::move(arrangement));
  if (!view_.anchor || !arranged) return;
  view_.scroll_y = anchored_scroll(*view_.anchor, rows_, request_.scale).value_or(view_.scroll_y);
  view_.anchor.reset();
}

void Scene::make_rows(ArrangementPtr arrangement) {
  const std::size_t lanes = view_.show_regions ? session_->annotations().lanes() : 0;
  rows_ = RowList(std::move(arrangement), view_.folds, view_.pins, request_.scale, lanes);
  view_.area.reset();
  view_.rows_dirty = false;
}

// What has been found since the last frame; the finding that is read stays the same one.
void Scene::settle_findings() {
  FindingsPane& pane = view_.findings_pane;
  if (std::exchange(pane.stop_requested, false)) search_->stop();
  const bool again = std::exchange(pane.again_requested, false);
  if (again && session_ != nullptr) search_->look(session_, where_);
  const FindingListPtr before = findings_.list;
  findings_ = search_->poll();
  const FindingList& list = *findings_.list;
  if (findings_.list != before) {
    if (view_.finding) view_.finding = list.find_same((*before)[*view_.finding].row);
    if (findings_.stage == FindingStage::Live) tell_news(*before);
  }
  if (!view_.wanted_finding) return;
  const bool final =
      findings_.stage != FindingStage::Waiting && findings_.stage != FindingStage::Looking;
  const std::int64_t wanted = *view_.wanted_finding;
  if (wanted >= 1 && wanted <= static_cast<std::int64_t>(list.size())) {
    view_.finding = static_cast<std::size_t>(wanted - 1);
    view_.findings_pane.reveal = true;
    if (view_.go_to_wanted_finding) {
      read_finding(list, *session_, view_, *view_.finding);
      if (!request_.range) {
        view_.time.show(finding_view(list[*view_.finding], session_->duration_ns()));
      }
    }
  } else if (!final || list.task_count() != session_->tasks().size()) {
    return;
  } else if (missing_.empty()) {
    missing_ = fmt::format("There is no finding {} in this recording.", wanted);
  }
  view_.wanted_finding.reset();
  view_.go_to_wanted_finding = false;
}

// While it is recorded: what was not there a moment ago, unless somebody looks at the list anyway.
void Scene::tell_news(const FindingList& before) {
  if (view_.findings_pane.open) return;
  for (const ShownFinding& finding : *findings_.list) {
    if (before.find_same(finding.row)) continue;
    ++view_.finding_news.fresh;
    view_.finding_news.text = fmt::format("{}: {}", finding.title, finding.row.summary);
    view_.finding_news.left_s = kNewsSeconds;
  }
}

CoverageTexture Scene::texture() const {
  const ImFontAtlas& atlas = *context_->IO.Fonts;
  return {atlas.TexPixelsAlpha8, atlas.TexWidth, atlas.TexHeight};
}

void Scene::draw(Kind kind, double seconds, DrawingRecord* record) {
  const auto begin = std::chrono::steady_clock::now();
  settle_findings();
  if (session_ != nullptr) arrange_rows();
  ImGui::NewFrame();
  FrameInput input;
  input.session = session_.get();
  input.pictures = pictures_.get();
  input.rows = &rows_;
  input.answers = answers_.get();
  input.findings = &findings_;
  input.fonts = &fonts_;
  input.load = load_;
  input.scale = request_.scale;
  input.seconds = seconds;
  input.last_frame_ms = last_frame_ms_;
  input.footer = kind == Kind::Picture;
  input.record = record;
  input.start = start_;
  input.live = live_;
  source_.want(view_.wanted_source);
  input.source = &source_.text();
  draw_frame(input, view_, cache_);
  ImGui::Render();
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - begin;
  last_frame_ms_ = spent.count();
}

void Scene::draw_picture(int width_px, int height_px, DrawingRecord* record) {
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {static_cast<float>(width_px), static_cast<float>(height_px)};
  io.DeltaTime = 1.0F / 60;
  search_->wait();
  // The first frame lays out and orders the rows' pictures, the last one has them.
  constexpr int kFrames = 3;
  for (int frame = 1; frame <= kFrames; ++frame) {
    view_.time.finish_motion();
    draw(Kind::Picture, 0, frame == kFrames ? record : nullptr);
    if (pictures_ != nullptr) pictures_->wait_idle();
    if (answers_ != nullptr) answers_->wait_idle();
  }
}

Image Scene::picture(int width_px, int height_px) {
  draw_picture(width_px, height_px, nullptr);
  Image image{width_px, height_px, {}};
  rasterize(*ImGui::GetDrawData(), texture(), palette(view_.theme).void_color, image);
  return image;
}

std::string Scene::vector_picture(int width_px, int height_px) {
  DrawingRecord record;
  draw_picture(width_px, height_px, &record);
  const std::string& path = session_ != nullptr ? session_->path() : request_.path;
  return to_svg(record, fonts_, {width_px, height_px, path});
}

}  // namespace taskscope::viewer
