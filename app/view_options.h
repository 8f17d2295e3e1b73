// The options that `open` and `screenshot` share. Main thread only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

#include "viewer/model/view_request.h"

namespace taskscope::app {

// Lengths of time as on the command line: "1.5s", "20ms", "300us", "42ns", "42" (nanoseconds).
std::optional<std::int64_t> parse_duration_ns(std::string_view text);

// Adds --view-state, --range, --select, --group, --size, --scale, --theme; they fill `request`,
// which outlives `command`, while the command line is parsed. A bad value ends it with a sentence.
void add_view_options(CLI::App& command, viewer::ViewRequest& request);

}  // namespace taskscope::app
