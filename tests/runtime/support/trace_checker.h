// TraceChecker: holds the events of all rings against the state machine of FORMAT.md.
//
// Merges as a reader must: an event is taken when what causes it has been taken. It fails if the
// rings cannot be merged to the end, if a task's run and ready numbers are not one apart, or if a
// task does what its state does not allow.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/trace_format/pending_timer.h"
#include "runtime/trace_format/text.h"

namespace taskscope::test {

using Rings = std::map<trace_format::WorkerId, std::vector<trace_format::TextEvent>>;

struct TraceTotals {
  std::map<trace_format::EventKind, std::uint64_t> count;
  std::uint64_t tasks_done = 0;
  std::uint64_t tasks_alive = 0;  // that were there before the recording
  std::uint64_t events = 0;
  std::map<trace_format::TaskId, std::string> task_names;
  std::map<trace_format::ObjectId, std::string> object_names;
  std::map<trace_format::SiteId, std::string> sites;
  // By the object that is told of with them, 0 for those without.
  std::multimap<trace_format::ObjectId, trace_format::PendingTimer> timers;

  std::uint64_t of(trace_format::EventKind kind) const {
    const auto it = count.find(kind);
    return it == count.end() ? 0 : it->second;
  }
};

// Adds test failures to the running test.
TraceTotals check_trace(const Rings& rings);

}  // namespace taskscope::test
