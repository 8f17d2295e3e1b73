// What a recording amounts to: the figures and findings behind `report`, `info` and the viewer.
//
// Computed from the stored rows alone, in one pass over the spans, so the command line, CI and the
// window say the same. Pure values; build_report() runs on whatever thread calls it and keeps
// nothing. Memory grows with sites, objects and tasks (16 bytes each), not with spans.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "recorder/store/call_tables.h"
#include "recorder/store/reader.h"
#include "recorder/store/rows.h"
#include "runtime/base/result.h"
#include "viewer/analysis/annotations.h"
#include "viewer/analysis/limits.h"
#include "viewer/analysis/memory.h"

namespace taskscope::analysis {

// Waits of one reason at one place.
struct BlockingRow {
  store::SiteId site_id = 0;
  store::BlockReason reason = store::BlockReason::None;
  std::uint64_t waits = 0;
  std::int64_t total_ns = 0;
  std::int64_t max_ns = 0;
  std::uint64_t unfinished = 0;  // of them, still waiting when the recording ended
};

// Tasks started at one place.
struct SpawnRow {
  store::SiteId site_id = 0;
  std::uint64_t tasks = 0;
  std::uint64_t unfinished = 0;
  std::int64_t running_ns = 0;
  std::int64_t runnable_ns = 0;
  std::int64_t waiting_ns = 0;  // blocked, sleeping or in a system call
};

// What stacks and samples say, if the recording has any.
struct CallProfile {
  std::uint64_t samples = 0;
  std::vector<store::CpuFunction> functions;  // most seen themselves first
  std::vector<store::StackWaits> waits;       // most total time first
};

struct Report {
  store::RecordingInfo info;
  store::StateTimes state_ns{};           // sums over all tasks
  std::vector<BlockingRow> top_blocking;  // most total time first
  std::vector<SpawnRow> top_spawns;       // most tasks first
  std::vector<store::WorkerRow> workers;
  std::vector<store::FindingRow> findings;  // worst first
  Annotations annotations;
  CollectedMemory memory;
  CallProfile calls;                 // if it was asked for
  std::int64_t runnable_p50_ns = 0;  // scheduling latency: how long tasks waited for a worker,
  std::int64_t runnable_p99_ns = 0;  // within 3 % (histogram with 32 steps per power of two)
  std::int64_t runnable_max_ns = 0;
  std::unordered_map<store::SiteId, store::SiteRow> sites;

  // "/path/file.cpp:12", or "unknown place".
  std::string place(store::SiteId id) const;
  // The same with the last two folders only: enough to find it, short enough for a sentence.
  std::string short_place(store::SiteId id) const;
};

// The end of a source line's path, as in Report::short_place.
std::string short_place_of(const std::string& full);

struct ReportOptions {
  FindingLimits limits;
  // Is told now and then how much is done, from 0 to 1; false ends it with an error.
  std::function<bool(double)> on_progress;
  // Rows of each table of the profile of calls; 0: it is left out.
  std::size_t calls_max = 0;
};

Result<Report> build_report(const store::Reader& reader, const ReportOptions& options = {});

}  // namespace taskscope::analysis
