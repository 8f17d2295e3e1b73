#include "runtime/instrument/ring_writer.h"

#include <algorithm>
#include <bit>

#include "runtime/base/check.h"

namespace taskscope::instrument {
namespace tf = trace_format;

RingWriter::RingWriter(tf::RingHeader& header, tf::Record* records, std::uint64_t capacity)
    : header_(header), records_(records), mask_(capacity - 1), limit_(capacity) {
  TASKSCOPE_CHECK(std::has_single_bit(capacity));
}

bool RingWriter::write_text(tf::Event event, std::string_view text, const CurrentTask& current) {
  tf::TextRecords encoded;
  const std::size_t count = tf::encode_text(event, text, encoded);
  if (limit_ - head_ < count && !make_room(count, event.ticks, current)) return false;
  for (std::size_t i = 0; i < count; ++i) put(encoded[i]);
  // One release store publishes the text with its event (ring_layout.h, invariant 3).
  header_.head.store(head_, std::memory_order_release);
  return true;
}

bool RingWriter::make_room(std::uint64_t records, std::uint64_t ticks, const CurrentTask& current) {
  if (muted_) return false;
  const std::uint64_t capacity = mask_ + 1;
  // Acquire pairs with the recorder's release: it has copied out what lies below the tail.
  const std::uint64_t tail = header_.tail.load(std::memory_order_acquire);
  // The page is shared: a tail that cannot be is treated as a full ring.
  if (tail > head_ || head_ - tail > capacity) return count_lost();
  const std::uint64_t free = capacity - (head_ - tail);
  // After a loss an eighth of the ring must be free, or two records in three would be Lost and
  // Resume while the recorder catches up.
  const std::uint64_t needed = losing_ ? std::max(records + 2, capacity / 8) : records;
  if (free < needed) return count_lost();
  limit_ = tail + capacity;
  if (losing_) {
    losing_ = false;
    put(tf::encode({.ticks = ticks, .id = lost_since_, .kind = tf::EventKind::Lost}));
    put(tf::encode({.ticks = ticks,
                    .id = current.id,
                    .aux = current.seq & tf::kSeqMask,
                    .kind = tf::EventKind::Resume}));
    lost_since_ = 0;
  }
  return true;
}

bool RingWriter::count_lost() {
  losing_ = true;
  limit_ = head_;
  ++lost_since_;
  ++lost_total_;
  // Relaxed: a total for the recorder's report, nothing is ordered by it.
  header_.lost.store(lost_total_, std::memory_order_relaxed);
  return false;
}

}  // namespace taskscope::instrument
