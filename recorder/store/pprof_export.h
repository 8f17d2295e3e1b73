// Writes what stacks and samples say as a profile in pprof's format (profile.proto, gzipped), which
// pprof, speedscope, Grafana and others read.
//
// Of each sample the labels `task` (its name), `task_id`, and `worker` or `reason`. Calls that were
// inlined share a location, as pprof wants them. No state.
#pragma once

#include <cstdint>
#include <string>

#include "runtime/base/result.h"

namespace taskscope::store {

enum class PprofKind : std::uint8_t {
  Cpu,    // samples of what processors worked on
  Block,  // waits: how many, and how long
  Spawn,  // tasks, by the calls that started them
};

struct PprofExport {
  std::uint64_t samples = 0;
  std::uint64_t functions = 0;
};

// Fails, saying why, if `recording` cannot be read or has no such stacks, `output` exists, or
// writing fails; then no output is left.
Result<PprofExport> export_pprof(const std::string& recording, PprofKind kind,
                                 const std::string& output);

}  // namespace taskscope::store
