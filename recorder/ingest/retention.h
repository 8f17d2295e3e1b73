// What a recording forgets while it grows: `--keep 60s` and `--max-size 1GB`.
//
// By whole chunks, oldest first, with what ended before the oldest chunk that is left: tasks,
// objects, steals, parks. Whatever still lives keeps its row, with the totals of its whole life.
// One thread at a time, the writer's.
#pragma once

#include <cstdint>

#include "recorder/store/writer.h"

namespace taskscope::ingest {

struct RetentionOptions {
  std::int64_t keep_ns = 0;     // 0: everything
  std::uint64_t max_bytes = 0;  // of what the file holds; 0: no limit
};

class Retention {
 public:
  // Borrows the writer, which must outlive this.
  Retention(store::Writer& writer, const RetentionOptions& options)
      : writer_(&writer), options_(options) {}

  // Drops what is to go at `now_ns`. REQUIRES: what is to count is committed.
  Result<void> apply(std::int64_t now_ns);

  bool enabled() const { return options_.keep_ns > 0 || options_.max_bytes > 0; }
  // All that was dropped so far.
  const store::Dropped& dropped() const { return dropped_; }

 private:
  // Constant after construction.
  store::Writer* writer_;
  RetentionOptions options_;

  store::Dropped dropped_;
};

}  // namespace taskscope::ingest
