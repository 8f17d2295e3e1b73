// A recording's spans and events in the order of time, from chunks that are each of one ring: of a
// worker, or of what is no worker's in one program.
//
// Holds one decoded chunk per lane, whatever the recording's length. More may be added once all was
// handed out, which is how a recording under way is followed: what comes then is in the order of
// time for itself, and within each task and each lane for all. Owned by one thread, as is the
// reader that it refers to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "recorder/store/reader.h"
#include "runtime/base/result.h"

namespace taskscope::viewer {

class LaneMerge {
 public:
  // Of the events only those of `kinds`.
  LaneMerge(const store::Reader& reader, std::span<const store::EventKind> kinds);

  // Chunks, by id, whole.
  void add(std::span<const store::ChunkSummary> chunks);
  // What the recording has had from the last cut to this one. Fails with the reader's sentence.
  // REQUIRES: next() has said that there are no more.
  Result<void> add(const store::Cut& cut);

  // Puts the next few thousand spans, by their ends (those that end at one instant by their
  // starts), and the events until then into the cleared vectors. False: there are no more. Fails
  // with the reader's sentence.
  Result<bool> next(std::vector<store::Span>& spans, std::vector<store::EventRow>& events);

  std::size_t chunks_read() const { return chunks_read_; }

 private:
  using Instant = std::pair<std::int64_t, std::int64_t>;  // end and start of a span
  struct Part {
    std::int64_t chunk = 0;
    store::Reader::RowRange rows;
  };
  struct Lane {
    std::deque<Part> parts;          // to be read
    std::vector<store::Span> spans;  // of the part at hand
    std::vector<store::EventRow> events;
    std::size_t span = 0;   // the next one
    std::size_t event = 0;  // likewise
    Instant head;           // of the next of both
  };
  // A chunk that was under way at the last cut.
  struct UnderWay {
    std::size_t rows = 0;  // that were handed out
    Lane* lane = nullptr;
  };
  using LaneKey = std::pair<store::ProgramId, store::WorkerId>;
  static bool is_later(const Lane* a, const Lane* b) { return a->head > b->head; }
  static Instant span_head(const Lane& lane);
  static Instant event_head(const Lane& lane);
  Lane& lane_of(LaneKey key);
  Result<bool> advance(Lane& lane);
  static void take(Lane& lane, Instant limit, std::vector<store::Span>& spans,
                   std::vector<store::EventRow>& events);

  const store::Reader& reader_;
  std::vector<store::EventKind> kinds_;
  std::map<LaneKey, std::unique_ptr<Lane>> lanes_;
  std::vector<Lane*> heap_;  // those with something left, the earliest on top
  std::size_t chunks_read_ = 0;
  bool started_ = false;
  std::int64_t last_chunk_ = 0;                 // of the last cut
  std::map<std::int64_t, UnderWay> under_way_;  // by chunk
};

}  // namespace taskscope::viewer
