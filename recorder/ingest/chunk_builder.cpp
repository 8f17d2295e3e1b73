#include "recorder/ingest/chunk_builder.h"

namespace taskscope::ingest {
namespace {

constexpr unsigned kFilledFast = 2;

}  // namespace

ChunkBuilder::ChunkBuilder(store::WorkerId worker_id, store::ChunkCompressor& compressor,
                           ProgramWriter& writer)
    : worker_id_(worker_id), compressor_(&compressor), writer_(&writer) {}

void ChunkBuilder::flush() {
  if (empty()) return;
  writer_->put_chunk(row_id_, encoder_.pack(*compressor_), worker_id_);
  row_id_ = 0;
  rows_shown_ = 0;
  ++filled_;
}

// The stack of the row that follows: both stand in one chunk.
void ChunkBuilder::add_stack(const store::StoredRow& row) {
  if (encoder_.rows() + 2 > store::kChunkRowsMax) flush();
  encoder_.add({.ns = row.ns, .arg = row.stack_id, .kind = store::EventKind::AtStack});
}

std::size_t ChunkBuilder::show(Show which) {
  const bool fast = which == Show::NotFastOnes && filled_ >= kFilledFast;
  filled_ = 0;
  const std::size_t rows = encoder_.rows();
  if (fast || rows == rows_shown_) return 0;
  row_id_ = writer_->put_chunk(row_id_, encoder_.preview(*compressor_), worker_id_);
  rows_shown_ = rows;
  return rows;
}

}  // namespace taskscope::ingest
