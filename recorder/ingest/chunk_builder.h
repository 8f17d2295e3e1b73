// Collects the rows of one ring and hands them to the writer as chunks.
//
// Owned by the span builder, one per ring; one thread at a time. Times of a ring never fall: a row
// that would be older than the one before it gets that one's time. A chunk under way may be stored
// as it is; it keeps its place in the file until it is full.
#pragma once

#include <cstdint>

#include "recorder/ingest/program_writer.h"
#include "recorder/store/chunk_encoder_inline.h"

namespace taskscope::ingest {

class ChunkBuilder {
 public:
  // Borrows both; they must outlive the builder.
  ChunkBuilder(store::WorkerId worker_id, store::ChunkCompressor& compressor,
               ProgramWriter& writer);

  // Stores a row. REQUIRES: row.ns >= last_ns().
  void add(const store::StoredRow& row) {
    if (row.stack_id != 0) [[unlikely]]
      add_stack(row);
    encoder_.add(row);
    if (encoder_.rows() == store::kChunkRowsMax) flush();
  }
  // The same for a row of a kind that is known where this is compiled.
  [[gnu::always_inline]] void add_as(store::EventKind kind, const store::StoredRow& row) {
    if (row.stack_id != 0) [[unlikely]]
      add_stack(row);
    encoder_.add_as(kind, row);
    if (encoder_.rows() == store::kChunkRowsMax) flush();
  }
  // Writes what there is as a chunk, however small.
  void flush();
  // Which rings show their chunks: all, or not those that fill chunks so fast that the last full
  // one is new enough.
  enum class Show : std::uint8_t { All, NotFastOnes };
  // Writes what there is and goes on with the chunk. Not if nothing is new. Returns the number of
  // rows written.
  std::size_t show(Show which);
  // The chunk under way as it was shown last; no rows: it was not.
  store::Cut::Part shown() const { return {row_id_, static_cast<std::uint32_t>(rows_shown_)}; }

  store::WorkerId worker_id() const { return worker_id_; }
  std::int64_t last_ns() const { return encoder_.last_ns(); }
  bool empty() const { return encoder_.rows() == 0; }

 private:
  void add_stack(const store::StoredRow& row);

  // Constant after construction.
  store::WorkerId worker_id_;
  store::ChunkCompressor* compressor_;
  ProgramWriter* writer_;

  store::ChunkEncoder encoder_;
  std::int64_t row_id_ = 0;     // of the chunk under way, once it was shown; 0: it was not
  std::size_t rows_shown_ = 0;  // of it
  unsigned filled_ = 0;         // chunks written since the last show()
};

}  // namespace taskscope::ingest
