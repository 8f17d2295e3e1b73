// Writes what a recording holds as an ordinary SQLite database: every table, and the spans and
// events as rows of their own, so that nothing of Taskscope is needed to read it.
//
// No state. The output appears under its name when it is whole.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/result.h"

namespace taskscope::store {

struct PlainExport {
  std::uint64_t spans = 0;
  std::uint64_t events = 0;
};

// Fails, saying why, if `recording` cannot be read, `output` exists, or writing fails; then no
// output is left.
Result<PlainExport> export_plain(const std::string& recording, const std::string& output);

}  // namespace taskscope::store
