// A recording's spans and events in the order of time, from chunks that are each of one worker.
//
// Holds one decoded chunk per lane (a worker, or what is no worker's), whatever the recording's
// length. Owned by one thread, as is the reader that it refers to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "recorder/store/reader.h"
#include "runtime/base/result.h"

namespace taskscope::viewer {

class LaneMerge {
 public:
  // `chunks` by id; of the events only those of `kinds`.
  LaneMerge(const store::Reader& reader, std::span<const store::ChunkSummary> chunks,
            std::span<const store::EventKind> kinds);

  // Puts the next few thousand spans, by their ends (those that end at one instant by their
  // starts), and the events until then into the cleared vectors. False: there are no more. Fails
  // with the reader's sentence.
  Result<bool> next(std::vector<store::Span>& spans, std::vector<store::EventRow>& events);

  std::size_t chunks_read() const { return chunks_read_; }

 private:
  using Instant = std::pair<std::int64_t, std::int64_t>;  // end and start of a span
  struct Lane {
    std::vector<std::int64_t> chunks;  // ids, last one first
    std::vector<store::Span> spans;    // of the chunk at hand
    std::vector<store::EventRow> events;
    std::size_t span = 0;   // the next one
    std::size_t event = 0;  // likewise
    Instant head;           // of the next of both
  };
  static bool is_later(const Lane* a, const Lane* b) { return a->head > b->head; }
  static Instant span_head(const Lane& lane);
  static Instant event_head(const Lane& lane);
  Result<bool> advance(Lane& lane);
  static void take(Lane& lane, Instant limit, std::vector<store::Span>& spans,
                   std::vector<store::EventRow>& events);

  const store::Reader& reader_;
  std::vector<store::EventKind> kinds_;
  std::vector<Lane> lanes_;
  std::vector<Lane*> heap_;  // those with something left, the earliest on top
  std::size_t chunks_read_ = 0;
  bool started_ = false;
};

}  // namespace taskscope::viewer
