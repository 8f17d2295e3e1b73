// Ranges of time as text that loses nothing, beside the times themselves (analysis/time_text.h).
// Pure functions, usable from any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "viewer/analysis/time_text.h"
#include "viewer/model/time_range.h"

namespace taskscope::viewer {

using analysis::exact_time_text;
using analysis::parse_time;

// "1.2ms..3.4ms". Nothing if the end does not come after the start.
std::string exact_range_text(TimeRange range);
std::optional<TimeRange> parse_range(std::string_view text);

}  // namespace taskscope::viewer
