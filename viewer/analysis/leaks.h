// Findings that the program itself has made: tasks that could never go on (sched/leak_search.h).
//
// What the recording refutes is left out: a task that was woken after all, or whose wait began only
// later. Where all tasks were asleep in the end, that is the finding and these are part of it. Pure
// but for the names that Facts reads; one thread at a time.
#pragma once

#include <unordered_set>
#include <vector>

#include "recorder/store/rows.h"
#include "viewer/analysis/facts.h"
#include "viewer/analysis/limits.h"

namespace taskscope::analysis {

struct LeakInput {
  const std::vector<store::LeakRow>& leaks;  // those of a group together
  const std::vector<store::TaskRow>& tasks;  // main tasks, and those that have not ended
  const std::vector<store::Span>& open_spans;
  const std::vector<store::EventRow>& deadlocks;
  const std::vector<store::LabelSetId>& daemon_sets;  // ascending
  const Facts& facts;
  const FindingLimits& limits;
};

struct LeakFindings {
  std::vector<store::FindingRow> rows;
  // The tasks that they explain: nothing else need be suspected of these.
  std::unordered_set<store::TaskId> explained;
  // The locks that tasks wait for who can never have them: that they are waited for is no news.
  std::unordered_set<store::ObjectId> locks;
};

LeakFindings find_leaks(const LeakInput& input);

}  // namespace taskscope::analysis
