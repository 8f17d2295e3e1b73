// RingWriter: puts records into one ring and never waits.
//
// The hot path is a comparison, two stores and a release store of the head. Without room it counts
// the event and goes on; when the reader has freed enough, the count and what runs here now are
// written before anything else (Lost and Resume of FORMAT.md).
// Owned by one thread at a time: the worker's, or whoever holds the lock of the `ext` ring.
//
// Invariants:
//   1. tail as last read <= head_ <= limit_; limit_ is the first position known not to be free.
//   2. While losing_ or muted_, limit_ == head_, so that every write takes the slow path.
#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/trace_format/ring_layout.h"

namespace taskscope::instrument {

// What runs on this ring's worker now, for Resume.
struct CurrentTask {
  trace_format::TaskId id = 0;
  std::uint32_t seq = 0;
};

class RingWriter {
 public:
  // The ring is empty and outlives the writer.
  RingWriter(trace_format::RingHeader& header, trace_format::Record* records,
             std::uint64_t capacity);

  // False if there was no room; the event is counted as lost then.
  bool write(const trace_format::Event& event, const CurrentTask& current) {
    if (head_ == limit_) [[unlikely]] {
      if (!make_room(1, event.ticks, current)) return false;
    }
    records_[head_ & mask_] = trace_format::encode(event);
    ++head_;
    // Pairs with the recorder's acquire load: the record is complete when the head says so.
    header_.head.store(head_, std::memory_order_release);
    return true;
  }

  // An event whose aux is the length of a text that follows it.
  bool write_text(trace_format::Event event, std::string_view text, const CurrentTask& current);

  // Makes sure that the next `records` records find room. If not, one event counts as lost: the one
  // that the caller then does without.
  bool reserve(std::uint64_t records, std::uint64_t ticks, const CurrentTask& current) {
    return limit_ - head_ >= records || make_room(records, ticks, current);
  }

  // Until unmute() nothing is written and nothing counts as lost. REQUIRES: nothing was written.
  void mute() {
    muted_ = true;
    limit_ = head_;
  }
  void unmute() {
    muted_ = false;
    limit_ = mask_ + 1;
  }
  bool muted() const { return muted_; }

  std::uint64_t written() const { return head_; }
  std::uint64_t lost() const { return lost_total_; }

 private:
  // Room for `records` after looking at the reader's tail again; writes Lost and Resume first if
  // events were lost. Counts one lost event and returns false if there is none.
  bool make_room(std::uint64_t records, std::uint64_t ticks, const CurrentTask& current);
  bool count_lost();
  void put(const trace_format::Record& record) { records_[head_++ & mask_] = record; }

  // Constant after construction.
  trace_format::RingHeader& header_;
  trace_format::Record* const records_;
  const std::uint64_t mask_;

  // Owned by the writing thread.
  std::uint64_t head_ = 0;
  std::uint64_t limit_;
  std::uint64_t lost_since_ = 0;  // since the last Lost record
  std::uint64_t lost_total_ = 0;
  bool losing_ = false;
  bool muted_ = false;
};

}  // namespace taskscope::instrument
