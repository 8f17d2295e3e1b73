#include "recorder/ingest/retention.h"

#include <algorithm>

namespace taskscope::ingest {

Result<void> Retention::apply(std::int64_t now_ns) {
  if (!enabled()) return {};
  std::int64_t cut_ns = options_.keep_ns > 0 ? now_ns - options_.keep_ns : 0;
  const std::uint64_t used = writer_->used_bytes();
  if (options_.max_bytes > 0 && used > options_.max_bytes) {
    // A tenth more than must be, so that this is not done for each chunk.
    const std::uint64_t excess = used - options_.max_bytes + options_.max_bytes / 10;
    cut_ns = std::max(cut_ns, writer_->cut_that_frees(excess));
  }
  if (cut_ns <= 0) return {};
  const auto dropped = writer_->drop_before(cut_ns);
  if (!dropped) return dropped.error();
  dropped_.events += dropped->events;
  dropped_.tasks += dropped->tasks;
  if (dropped->events == 0) return {};
  dropped_.kept_from_ns = dropped->kept_from_ns;
  dropped_.rows_from_ns = dropped->rows_from_ns;
  // Now, and not at the end: a recorder that is killed has dropped them all the same.
  writer_->put_meta("kept_from_ns", dropped_.kept_from_ns);
  writer_->put_meta("dropped_events", static_cast<std::int64_t>(dropped_.events));
  return writer_->commit();
}

}  // namespace taskscope::ingest
