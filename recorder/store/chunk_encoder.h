// Packs the rows of one ring into chunks, row by row, and sums them up on the way.
//
// A row goes straight into its columns, so nothing is kept or read twice; what is left to do when a
// chunk is full is to compress it. Owned by whoever owns the ring; one thread at a time.
//
// Invariants:
//   1. Within a chunk the times of rows do not fall, and there are at most kChunkRowsMax rows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "recorder/store/chunk_codec.h"
#include "recorder/store/chunk_layout.h"

namespace taskscope::store {

// What is known of rows without reading them again. The id and worker are left to the caller.
struct ChunkStatistics {
  ChunkSummary summary;
  std::uint64_t kind_mask = 0;
};

// The compressor and its room, to be shared by encoders of one thread.
class ChunkCompressor {
 public:
  ChunkCompressor();
  ChunkCompressor(ChunkCompressor&&) noexcept;
  ChunkCompressor& operator=(ChunkCompressor&&) noexcept;
  ~ChunkCompressor();

 private:
  friend class ChunkEncoder;
  struct Context;
  std::unique_ptr<Context> context_;
};

class ChunkEncoder {
 public:
  // `current` is what runs on the ring before the first row.
  explicit ChunkEncoder(const CurrentTask& current = {});

  // Adds a row. REQUIRES: fewer than kChunkRowsMax rows since the last pack(); row.ns is not
  // negative and not before that of the last row.
  void add(const StoredRow& row);
  // The same for a row of that kind, in chunk_encoder_inline.h.
  void add_as(EventKind kind, const StoredRow& row);

  struct Packed {
    std::span<const std::byte> blob;  // valid until the compressor is used again
    std::uint32_t raw_bytes = 0;      // before compression
    ChunkStatistics statistics;
  };
  // The chunk as it is; more rows may follow. REQUIRES: at least one row since the last pack().
  Packed preview(ChunkCompressor& compressor) const;
  // The same, and ends it: the next row begins another.
  Packed pack(ChunkCompressor& compressor);

  // Of the chunk that is under way.
  std::size_t rows() const { return rows_; }
  // Of the last row ever; 0 before the first.
  std::int64_t last_ns() const { return last_ns_; }

 private:
  void begin(const StoredRow& first);
  bool add_rest(EventKind kind, const StoredRow& row);
  void count(EventKind kind, const StoredRow& row);

  // Constant after construction.
  std::unique_ptr<std::uint8_t[]> room_;  // of all columns

  std::size_t rows_ = 0;
  std::int64_t first_ns_ = 0;
  std::int64_t last_ns_ = 0;
  CurrentTask start_;
  CurrentTask current_;
  WakerSource start_source_;
  WakerSource source_;
  std::array<std::uint8_t*, kColumnCount> ends_{};
  RowPredictor predictor_;
  ChunkStatistics statistics_;
};

}  // namespace taskscope::store
