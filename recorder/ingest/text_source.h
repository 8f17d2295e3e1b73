// Recordings out of text traces: for tests, bug reports and examples. A tick is a nanosecond.
#pragma once

#include <string>
#include <string_view>

#include "runtime/base/result.h"

namespace taskscope::ingest {

// Writes the recording of a text trace (runtime/trace_format/text.h) to `path`, which is missing or
// empty. Fails with the line that is wrong.
Result<void> record_text(std::string_view trace, const std::string& path);

}  // namespace taskscope::ingest
