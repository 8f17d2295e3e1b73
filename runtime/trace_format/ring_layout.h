// The memory that a traced program and its recorder share: one ring of records per producer.
//
// A ring is a sealed memfd: a header page, then `capacity` records (a power of two). Exactly one
// thread of the program writes at a time (the one that drives the worker), exactly one recorder
// reads. The program never waits: without room it counts and goes on (see Lost in FORMAT.md).
// The recorder maps it too and treats every byte as hostile.
//
// Invariants of an honest producer:
//   1. tail <= head <= tail + capacity; both only grow and are counted in records, never wrapped.
//   2. Records [tail, head) are complete; head moves by a release store after they are written.
//   3. A text event and its continuation records are published together.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/trace_format/codec.h"

namespace taskscope::trace_format {

inline constexpr std::uint64_t kRingMagic = 0x31676e69'52435354;  // "TSCRing1"
inline constexpr std::size_t kRingHeaderBytes = 4096;
inline constexpr std::uint64_t kRingCapacityMin = 1024;  // records
inline constexpr std::uint64_t kRingCapacityMax = std::uint64_t{1} << 26;

struct RingHeader {
  // Constant after construction.
  std::uint64_t magic = kRingMagic;
  std::uint16_t format_major = kFormatMajor;
  std::uint16_t format_minor = kFormatMinor;
  WorkerId worker_id = kNoWorker;
  std::uint64_t capacity = 0;  // records

  // Atomic, written by the program only. `head` is stored with release and pairs with the
  // recorder's acquire load; `lost` counts all events that ever found no room.
  alignas(64) std::atomic<std::uint64_t> head{0};
  std::atomic<std::uint64_t> lost{0};

  // Atomic, written by the recorder only, with release after it copied the records out; pairs with
  // the program's acquire load before it reuses their room.
  alignas(64) std::atomic<std::uint64_t> tail{0};
};
static_assert(sizeof(RingHeader) <= kRingHeaderBytes);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

constexpr std::size_t ring_bytes(std::uint64_t capacity) {
  return kRingHeaderBytes + static_cast<std::size_t>(capacity) * sizeof(Record);
}

}  // namespace taskscope::trace_format
