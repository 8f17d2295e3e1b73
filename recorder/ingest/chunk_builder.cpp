#include "recorder/ingest/chunk_builder.h"

namespace taskscope::ingest {

ChunkBuilder::ChunkBuilder(store::WorkerId worker_id, store::ChunkEncoder& encoder,
                           store::Writer& writer)
    : worker_id_(worker_id), encoder_(&encoder), writer_(&writer) {
  rows_.reserve(store::kChunkRowsMax);
}

void ChunkBuilder::flush() {
  if (rows_.empty()) return;
  writer_->add_chunk(store::summarize(rows_), worker_id_, encoder_->encode(rows_, start_));
  rows_.clear();
}

}  // namespace taskscope::ingest
