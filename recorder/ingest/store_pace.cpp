#include "recorder/ingest/store_pace.h"

#include <algorithm>
#include <utility>

namespace taskscope::ingest {

Result<StorePace::Stored> StorePace::store(std::int64_t now_ns,
                                           std::span<SpanBuilder* const> builders,
                                           store::Writer& writer) {
  if (now_ns < next_commit_ns_) return Stored::Nothing;
  next_commit_ns_ = now_ns + kCommitEveryNs;
  const bool ends = now_ns >= next_end_ns_;
  const bool shows = !ends && rows_owed_ < kRowsPerCommit;
  const bool cuts = ends || (shows && now_ns >= next_cut_ns_);
  const auto which = cuts ? ChunkBuilder::Show::All : ChunkBuilder::Show::NotFastOnes;
  if (ends) next_end_ns_ = now_ns + kEndChunksEveryNs;
  if (cuts) next_cut_ns_ = now_ns + kCutEveryNs;
  store::Cut cut{.until_ns = now_ns - zero_ns_};
  for (SpanBuilder* builder : builders) {
    if (ends) builder->flush_chunks();
    if (shows) rows_owed_ += builder->show_chunks(which);
    if (cuts) builder->add_shown(cut.under_way);
    builder->store_new_entities();
  }
  if (cuts && (ends || writer.last_chunk() != last_chunk_ || cut.under_way != under_way_)) {
    last_chunk_ = writer.last_chunk();
    under_way_ = cut.under_way;
    writer.put_cut(std::move(cut));
  }
  rows_owed_ -= std::min(rows_owed_, kRowsPerCommit);
  if (auto stored = writer.commit(); !stored) return stored.error();
  return ends ? Stored::EndedChunks : Stored::SoFar;
}

}  // namespace taskscope::ingest
