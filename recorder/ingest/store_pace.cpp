#include "recorder/ingest/store_pace.h"

#include <algorithm>

namespace taskscope::ingest {

Result<StorePace::Stored> StorePace::store(std::int64_t now_ns,
                                           std::span<SpanBuilder* const> builders,
                                           store::Writer& writer) {
  if (now_ns < next_commit_ns_) return Stored::Nothing;
  next_commit_ns_ = now_ns + kCommitEveryNs;
  const bool ends = now_ns >= next_end_ns_;
  const bool shows = !ends && rows_owed_ < kRowsPerCommit;
  if (ends) next_end_ns_ = now_ns + kEndChunksEveryNs;
  for (SpanBuilder* builder : builders) {
    if (ends) builder->flush_chunks();
    if (shows) rows_owed_ += builder->show_chunks();
    builder->store_new_entities();
  }
  rows_owed_ -= std::min(rows_owed_, kRowsPerCommit);
  if (auto stored = writer.commit(); !stored) return stored.error();
  return ends ? Stored::EndedChunks : Stored::SoFar;
}

}  // namespace taskscope::ingest
