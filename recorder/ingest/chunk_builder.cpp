#include "recorder/ingest/chunk_builder.h"

namespace taskscope::ingest {

ChunkBuilder::ChunkBuilder(store::WorkerId worker_id, store::ChunkCompressor& compressor,
                           store::Writer& writer)
    : worker_id_(worker_id), compressor_(&compressor), writer_(&writer) {}

void ChunkBuilder::flush() {
  if (!empty()) writer_->add_chunk(encoder_.pack(*compressor_), worker_id_);
}

}  // namespace taskscope::ingest
