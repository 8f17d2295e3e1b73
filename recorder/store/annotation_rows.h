// What programs say about themselves, out of the decoded columns of a chunk. For recorder/store
// only. Plain functions.
#pragma once

#include "recorder/store/chunk_codec.h"
#include "recorder/store/rows.h"

namespace taskscope::store {

inline constexpr std::uint32_t kAnnotationColumns =
    kTimeColumn | kTaskColumn | kObjectColumn | kSiteColumn | kArgColumn;
inline constexpr std::uint64_t kRegionKinds =
    kind_bit(EventKind::RegionEnd) | kind_bit(kOpenRegion);

// REQUIRES: ends_region(columns.kinds[i]), and kAnnotationColumns are decoded.
inline RegionRow region_at(const ChunkColumns& columns, std::size_t i, WorkerId worker_id) {
  const RegionArgs args = RegionArgs::unpack(columns.args[i], columns.args2[i]);
  RegionRow row{.task_id = columns.task_ids[i],
                .name_id = columns.object_ids[i],
                .site_id = columns.site_ids[i],
                .worker_id = worker_id,
                .depth = args.depth};
  const std::int64_t ns = columns.ns[i];
  if (args.length_ns <= ns) row.start_ns = ns - args.length_ns;
  if (columns.kinds[i] == EventKind::RegionEnd) row.end_ns = ns;
  return row;
}

// REQUIRES: columns.kinds[i] is Counter, and kAnnotationColumns are decoded.
inline CounterSample sample_at(const ChunkColumns& columns, std::size_t i) {
  return {.ns = columns.ns[i],
          .counter_id = columns.object_ids[i],
          .value = static_cast<std::int64_t>(columns.args[i]),
          .task_id = columns.task_ids[i]};
}

}  // namespace taskscope::store
