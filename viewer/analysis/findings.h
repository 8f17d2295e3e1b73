// Findings over a finished recording: what probably is, or certainly is, wrong with the program.
//
// A finding is a check, one full sentence about this instance with its numbers and names, and what
// to do about it. Tiers: `proved` is never wrong; `suspected` says what would prove it. Pure
// functions over rows; any thread.
#pragma once

#include <vector>

#include "recorder/store/rows.h"
#include "viewer/analysis/report.h"

namespace taskscope::analysis {

// Thresholds in one place; nothing else decides when a check speaks.
struct FindingLimits {
  std::int64_t stuck_ns = 30'000'000'000;  // a wait this long is suspect while the program runs
  std::uint64_t stuck_group = 100;         // so are this many tasks waiting at one place
  std::uint64_t severe_group = 100;        // a group this large is severe
};

struct FindingInput {
  // By id. Of those that have ended the panicked ones and the main tasks are enough.
  const std::vector<store::TaskRow>& tasks;
  const std::vector<store::Span>& open_spans;     // unfinished spans, one per living task
  const std::vector<store::EventRow>& deadlocks;  // the `deadlock` events: at most one a program
  const Report& report;                           // its info and sites are used
};

// Worst first; ids count from 1. Each program is looked at for itself; where there are several, a
// summary begins with whose it is.
std::vector<store::FindingRow> find_findings(const FindingInput& input,
                                             const FindingLimits& limits = {});

}  // namespace taskscope::analysis
