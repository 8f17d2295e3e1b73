// What collected memory did, out of a recording: collections, their phases, and what became of the
// objects of each site.
//
// Plain functions over a reader, on its thread. Recordings that are older than these tables have
// none of it.
#pragma once

#include <vector>

#include "recorder/store/reader.h"
#include "recorder/store/rows.h"
#include "runtime/base/result.h"

namespace taskscope::store {

Result<std::vector<GcCycleRow>> gc_cycles(const Reader& reader);        // by id
Result<std::vector<GcPhaseRow>> gc_phases(const Reader& reader);        // by start
Result<std::vector<EscapeSiteRow>> escape_sites(const Reader& reader);  // most bytes escaped first

}  // namespace taskscope::store
