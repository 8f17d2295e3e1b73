// A trace file: what a program wrote about itself, without a recorder (TASKSCOPE_TRACE=FILE).
//
// The magic number, then blocks, each a head and its bytes: the packets of the handshake as they
// would have gone to a recorder, the records of each ring as they were read, and, after each round
// in which every ring was read once, the clocks. A file that ends in the middle of a block is that
// of a program that died; what lies before is whole. Host byte order. Hostile until checked.
#pragma once

#include <cstdint>

#include "runtime/trace_format/event.h"

namespace taskscope::trace_format {

inline constexpr std::uint64_t kTraceFileMagic = 0x31656c69'46435354;  // "TSCFile1"
// Names the file that a program is to write, for its first run.
inline constexpr const char* kTraceFileVariable = "TASKSCOPE_TRACE";

enum class BlockKind : std::uint32_t {
  Packet = 1,   // a Hello, RingOffer or Bye (handshake.h)
  Records = 2,  // of one ring, whole records, texts never cut
  Round = 3,    // a base::ClockAnchor: every ring was read since the last one
  Lost = 4,     // a std::uint64_t: events of one ring that found no room, in all
};

struct BlockHead {
  BlockKind kind{};
  WorkerId worker_id = kNoWorker;  // of Records and Lost
  std::uint64_t bytes = 0;         // that follow
};
static_assert(sizeof(BlockHead) == 16);

// A whole ring is the most that one round can find in it.
inline constexpr std::uint64_t kBlockBytesMax = std::uint64_t{1} << 30;

}  // namespace taskscope::trace_format
