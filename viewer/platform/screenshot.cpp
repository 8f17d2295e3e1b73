#include "viewer/platform/screenshot.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <string_view>

#include "viewer/model/loader.h"
#include "viewer/platform/marks_file.h"
#include "viewer/platform/png_writer.h"
#include "viewer/platform/scene.h"
#include "viewer/platform/whole_file.h"

namespace taskscope::viewer {
namespace {

constexpr int kWidthMin = 320;
constexpr int kHeightMin = 200;
constexpr int kSideMax = 16384;

int scaled(int length, float scale) {
  return static_cast<int>(std::lround(static_cast<float>(length) * scale));
}

enum class PictureKind : std::uint8_t { Png, Svg };

Result<PictureKind> kind_of(const std::string& path) {
  std::string ending = std::filesystem::path(path).extension().string();
  for (char& letter : ending) letter = static_cast<char>(std::tolower(letter));
  if (ending == ".png") return PictureKind::Png;
  if (ending == ".svg") return PictureKind::Svg;
  return Error{fmt::format("A picture is a .png or an .svg file; {} is neither.", path)};
}

Result<void> check(const ViewRequest& request) {
  constexpr std::array<std::string_view, 5> kViews{"timeline", "cpu", "waits", "waits-for",
                                                   "memory"};
  if (std::find(kViews.begin(), kViews.end(), request.view) == kViews.end()) {
    return Error{fmt::format("There is no view \"{}\"; the views are: {}.", request.view,
                             fmt::join(kViews, ", "))};
  }
  const bool scale_ok = request.scale >= 0.5F && request.scale <= 4;
  if (!scale_ok) return Error{"The scale must be between 0.5 and 4."};
  if (request.width < kWidthMin || request.height < kHeightMin ||
      scaled(request.width, request.scale) > kSideMax ||
      scaled(request.height, request.scale) > kSideMax) {
    return Error{fmt::format(
        "A picture is between {}x{} and {}x{} pixels; {}x{} at scale {} is not.", kWidthMin,
        kHeightMin, kSideMax, kSideMax, request.width, request.height, request.scale)};
  }
  if (request.range && request.range->length_ns() <= 0) {
    return Error{"The range ends before it starts."};
  }
  return {};
}

// A view of calls that there are none of would be an empty picture.
Result<void> check(const ViewRequest& request, const TraceSession& session) {
  if (request.view == "cpu" && session.samples().empty()) {
    return Error{request.path + " has no samples; record with --samples."};
  }
  if (request.view == "waits" && session.stacks().empty()) {
    return Error{request.path + " has no stacks of calls; record with --stacks."};
  }
  if (request.view == "memory" && session.memory().sites().empty()) {
    return Error{request.path + " has no collected memory: ts::make was not used."};
  }
  return {};
}

}  // namespace

Result<void> write_picture(Scene& scene, int width_px, int height_px, const std::string& path) {
  const Result<PictureKind> kind = kind_of(path);
  if (!kind) return kind.error();
  if (*kind == PictureKind::Png) return write_png(scene.picture(width_px, height_px), path);
  return write_whole_file(path, scene.vector_picture(width_px, height_px), FileReaders::AsUsual,
                          "the picture");
}

Result<ScreenshotInfo> write_screenshot(const ViewRequest& request, const std::string& path) {
  const Result<void> valid = check(request);
  if (!valid) return valid.error();
  if (const auto kind = kind_of(path); !kind) return kind.error();
  SessionLoader loader(request.path, {});
  const SessionLoader::State state = loader.wait();
  if (!state.error.empty()) return Error{state.error};
  if (auto shows = check(request, *state.session); !shows) return shows.error();
  Scene scene(request, {});
  scene.set_session(state.session, Scene::Findings::File);
  const int width = scaled(request.width, request.scale);
  const int height = scaled(request.height, request.scale);
  // Whether its folds can be had is known once the tasks are arranged, and the finding once all
  // are found.
  const bool later =
      request.view_state.folds != FoldNames{} || request.view_state.finding || request.finding;
  if (later) (void)scene.picture(width, height);
  if (!scene.missing().empty()) return Error{scene.missing()};
  MarksFile marks_file(request.path, state.session->info().started);
  Result<std::vector<Mark>> marks = marks_file.load();
  if (marks) scene.view().marks = *marks;
  const Result<void> written = write_picture(scene, width, height, path);
  if (!written) return written.error();
  return ScreenshotInfo{width, height, scene.view().time.visible(),
                        marks ? "" : marks.error().message};
}

}  // namespace taskscope::viewer
