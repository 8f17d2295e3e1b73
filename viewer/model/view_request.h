// What somebody asks to see: the command line of `taskscope open` and `taskscope screenshot` as a
// value. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "recorder/store/rows.h"
#include "viewer/model/theme.h"
#include "viewer/model/time_range.h"
#include "viewer/model/view_description.h"

namespace taskscope::viewer {

struct ViewRequest {
  std::string path;
  int width = 1440;  // logical pixels; the picture or window has width × scale real ones
  int height = 900;
  float scale = 1;                 // of fonts and sizes
  std::optional<Theme> theme;      // nothing: that of the view, or dark
  ViewDescription view_state;      // what follows goes before it
  std::optional<TimeRange> range;  // nothing: the whole recording
  std::optional<store::TaskId> selected_task;
  std::optional<Grouping> grouping;
  bool findings = false;                // their pane is open
  std::optional<std::int64_t> finding;  // to be gone to, by its id; opens the pane
  std::string view = "timeline";
};

}  // namespace taskscope::viewer
