// Collects the rows of one ring and hands them to the writer as chunks.
//
// Owned by the span builder, one per ring; one thread at a time. Times of a ring never fall: a row
// that would be older than the one before it gets that one's time.
#pragma once

#include <cstdint>
#include <vector>

#include "recorder/store/chunk_codec.h"
#include "recorder/store/writer.h"

namespace taskscope::ingest {

class ChunkBuilder {
 public:
  // Borrows both; they must outlive the builder.
  ChunkBuilder(store::WorkerId worker_id, store::ChunkEncoder& encoder, store::Writer& writer);

  // Stores a row. REQUIRES: row.ns >= last_ns().
  void add(const store::StoredRow& row) {
    if (rows_.empty()) start_ = current_;
    rows_.push_back(row);
    last_ns_ = row.ns;
    current_.take(row.kind, row.task_id, row.ns, row.arg);
    if (rows_.size() == store::kChunkRowsMax) flush();
  }
  // Writes what there is as a chunk, however small.
  void flush();

  store::WorkerId worker_id() const { return worker_id_; }
  // What runs on the ring now.
  const store::CurrentTask& current() const { return current_; }
  std::int64_t last_ns() const { return last_ns_; }
  bool empty() const { return rows_.empty(); }

 private:
  // Constant after construction.
  store::WorkerId worker_id_;
  store::ChunkEncoder* encoder_;
  store::Writer* writer_;

  store::CurrentTask start_;  // before the first of rows_
  store::CurrentTask current_;
  std::int64_t last_ns_ = 0;
  std::vector<store::StoredRow> rows_;
};

}  // namespace taskscope::ingest
