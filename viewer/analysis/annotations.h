// What the program said about itself, summed up: regions by name, counters, labels, logs.
//
// Pure values; read_annotations() runs on whatever thread calls it and keeps nothing. Cost: one
// pass over the chunks that have regions; memory grows with names, not with regions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "recorder/store/reader.h"
#include "recorder/store/rows.h"
#include "runtime/base/result.h"

namespace taskscope::analysis {

// Regions of one name.
struct RegionTotals {
  std::string name;  // empty: not known
  std::uint64_t regions = 0;
  std::int64_t total_ns = 0;  // of those whose two ends are known
  std::int64_t max_ns = 0;
  std::uint64_t unknown = 0;  // of which an end is not known
};

struct Annotations {
  std::vector<RegionTotals> regions;  // most total time first
  std::vector<store::CounterRow> counters;
  std::vector<store::LabelTotals> labels;  // by key
  std::uint64_t logs = 0;

  std::uint64_t region_count() const;
};

Result<Annotations> read_annotations(const store::Reader& reader);

}  // namespace taskscope::analysis
