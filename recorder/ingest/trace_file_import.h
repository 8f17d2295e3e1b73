// Makes a recording of a trace file, which a program wrote about itself (TASKSCOPE_TRACE=FILE).
#pragma once

#include <string>

#include "runtime/base/result.h"

namespace taskscope::ingest {

// Reads `trace_path` and writes the recording `path`, which is replaced if it is a recording and
// refused if it is anything else. What a damaged file holds before the damage is kept, with a note.
// Errors: not a trace file, nothing in it, written by another version, output not writable.
Result<void> import_trace_file(const std::string& trace_path, const std::string& path);

}  // namespace taskscope::ingest
