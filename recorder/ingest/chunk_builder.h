// Collects the rows of one ring and hands them to the writer as chunks.
//
// Owned by the span builder, one per ring; one thread at a time. Times of a ring never fall: a row
// that would be older than the one before it gets that one's time.
#pragma once

#include <cstdint>

#include "recorder/store/chunk_encoder.h"
#include "recorder/store/writer.h"

namespace taskscope::ingest {

class ChunkBuilder {
 public:
  // Borrows both; they must outlive the builder.
  ChunkBuilder(store::WorkerId worker_id, store::ChunkCompressor& compressor,
               store::Writer& writer);

  // Stores a row. REQUIRES: row.ns >= last_ns().
  void add(const store::StoredRow& row) {
    encoder_.add(row);
    if (encoder_.rows() == store::kChunkRowsMax) flush();
  }
  // Writes what there is as a chunk, however small.
  void flush();

  store::WorkerId worker_id() const { return worker_id_; }
  std::int64_t last_ns() const { return encoder_.last_ns(); }
  bool empty() const { return encoder_.rows() == 0; }

 private:
  // Constant after construction.
  store::WorkerId worker_id_;
  store::ChunkCompressor* compressor_;
  store::Writer* writer_;

  store::ChunkEncoder encoder_;
};

}  // namespace taskscope::ingest
