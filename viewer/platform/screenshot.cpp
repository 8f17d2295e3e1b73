#include "viewer/platform/screenshot.h"

#include <fmt/format.h>

#include <cmath>

#include "viewer/model/loader.h"
#include "viewer/platform/png_writer.h"
#include "viewer/platform/scene.h"

namespace taskscope::viewer {
namespace {

constexpr int kWidthMin = 320;
constexpr int kHeightMin = 200;
constexpr int kSideMax = 16384;

int scaled(int length, float scale) {
  return static_cast<int>(std::lround(static_cast<float>(length) * scale));
}

Result<void> check(const ViewRequest& request) {
  if (request.view != "timeline") {
    return Error{fmt::format("There is no view \"{}\"; the views are: timeline.", request.view)};
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

}  // namespace

Result<ScreenshotInfo> write_screenshot(const ViewRequest& request, const std::string& png_path) {
  const Result<void> valid = check(request);
  if (!valid) return valid.error();
  SessionLoader loader(request.path, {});
  const SessionLoader::State state = loader.wait();
  if (!state.error.empty()) return Error{state.error};
  if (request.selected_task && state.session->find_task(*request.selected_task) == kNoTask) {
    return Error{fmt::format("There is no task {} in {}.", *request.selected_task, request.path)};
  }
  Scene scene(request, {});
  scene.set_session(state.session);
  const Image image =
      scene.picture(scaled(request.width, request.scale), scaled(request.height, request.scale));
  const Result<void> written = write_png(image, png_path);
  if (!written) return written.error();
  return ScreenshotInfo{image.width, image.height, scene.view().time.visible()};
}

}  // namespace taskscope::viewer
