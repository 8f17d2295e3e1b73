// Pictures of a recording as PNG or SVG files, drawn on the CPU: no display needed. The frame is
// the window's own, with a footer instead of the status line. One call at a time per thread that
// may use ImGui.
#pragma once

#include <string>

#include "runtime/base/result.h"
#include "viewer/model/view_request.h"

namespace taskscope::viewer {

class Scene;

struct ScreenshotInfo {
  int width = 0;  // of the picture, px: the request's size times its scale
  int height = 0;
  TimeRange range;      // what it shows
  std::string problem;  // why the marks beside the recording are not in it; empty: they are
};

// Reads the whole recording and the marks beside it, draws one frame, and writes `path`, replacing
// a file of that name; its ending, .png or .svg, says what. Errors: whatever keeps the recording
// from being read, an unknown view or ending, a task that is not in the recording, a size outside
// 320×200 to 16384×16384, a path that cannot be written.
Result<ScreenshotInfo> write_screenshot(const ViewRequest& request, const std::string& path);

// The picture of what a scene shows, in a file as above.
Result<void> write_picture(Scene& scene, int width_px, int height_px, const std::string& path);

}  // namespace taskscope::viewer
