// What somebody asks to see: the command line of `taskscope open` and `taskscope screenshot` as a
// value. Plain data.
#pragma once

#include <optional>
#include <string>

#include "recorder/store/rows.h"
#include "viewer/model/time_range.h"

namespace taskscope::viewer {

enum class Theme : std::uint8_t { Dark, Light };

struct ViewRequest {
  std::string path;
  int width = 1440;  // logical pixels; the picture or window has width × scale real ones
  int height = 900;
  float scale = 1;  // of fonts and sizes
  Theme theme = Theme::Dark;
  std::optional<TimeRange> range;  // nothing: the whole recording
  std::optional<store::TaskId> selected_task;
  std::string view = "timeline";
};

}  // namespace taskscope::viewer
