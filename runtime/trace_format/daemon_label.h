// The label of tasks that are meant to stay (ts::daemon), by which findings know them.
#pragma once

#include <string_view>

namespace taskscope::trace_format {

inline constexpr std::string_view kDaemonLabel = "taskscope.daemon";

}  // namespace taskscope::trace_format
