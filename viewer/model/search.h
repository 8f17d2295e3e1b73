// The hits of a search, in the order of time. Pure functions, usable from any thread; slow on large
// recordings, so not on the UI thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "viewer/model/query.h"

namespace taskscope::viewer {

struct SearchHit {
  std::int64_t ns = 0;       // where the span starts, or the task
  SpanIndex span = kNoSpan;  // none: the task itself
  TaskIndex task = kNoTask;

  friend bool operator==(const SearchHit&, const SearchHit&) = default;
};

struct SearchHits {
  bool of_spans = false;
  std::vector<SearchHit> hits;  // the first ones, by time, then by task
  std::uint64_t total = 0;      // all there are
  // Of all hits: how many start in each of equal parts of the recording.
  std::vector<std::uint32_t> density;
};

using SearchHitsPtr = std::shared_ptr<const SearchHits>;  // shared: drawn while it is replaced

inline constexpr std::size_t kSearchHitsMax = 10'000;
inline constexpr std::size_t kSearchParts = 4096;

SearchHits find_hits(const TraceSession& session, const Query& query, std::size_t hits_max,
                     const std::atomic<bool>& stop);

// The hit to go to from the instant `ns`: the first at or after it, or the last before it; or
// the one beside `now`, if that is a hit. kNoHit if there is none.
inline constexpr std::size_t kNoHit = SIZE_MAX;
std::size_t step_hit(const std::vector<SearchHit>& hits, std::size_t now, std::int64_t ns,
                     int step);

}  // namespace taskscope::viewer
