#include "viewer/model/lane_merge.h"

#include <algorithm>
#include <limits>
#include <map>

namespace taskscope::viewer {
namespace {

constexpr std::size_t kBatchSpans = 4096;
constexpr std::pair<std::int64_t, std::int64_t> kNever{std::numeric_limits<std::int64_t>::max(),
                                                       std::numeric_limits<std::int64_t>::max()};

}  // namespace

LaneMerge::LaneMerge(const store::Reader& reader, std::span<const store::ChunkSummary> chunks,
                     std::span<const store::EventKind> kinds)
    : reader_(reader), kinds_(kinds.begin(), kinds.end()) {
  std::map<store::WorkerId, std::size_t> lane_of;
  for (const store::ChunkSummary& chunk : chunks) {
    const auto [at, fresh] = lane_of.try_emplace(chunk.worker_id, lanes_.size());
    if (fresh) lanes_.emplace_back();
    lanes_[at->second].chunks.push_back(chunk.id);
  }
  for (Lane& lane : lanes_) std::reverse(lane.chunks.begin(), lane.chunks.end());
}

LaneMerge::Instant LaneMerge::span_head(const Lane& lane) {
  if (lane.span == lane.spans.size()) return kNever;
  return {lane.spans[lane.span].end_ns, lane.spans[lane.span].start_ns};
}

LaneMerge::Instant LaneMerge::event_head(const Lane& lane) {
  if (lane.event == lane.events.size()) return kNever;
  return {lane.events[lane.event].ns, lane.events[lane.event].ns};
}

// Reads chunks until there is something; false: there is nothing left.
Result<bool> LaneMerge::advance(Lane& lane) {
  while (lane.span == lane.spans.size() && lane.event == lane.events.size()) {
    if (lane.chunks.empty()) return false;
    lane.spans.clear();
    lane.events.clear();
    lane.span = 0;
    lane.event = 0;
    const Result<void> read =
        reader_.read_spans_and_events(lane.chunks.back(), kinds_, lane.spans, lane.events);
    if (!read) return read.error();
    lane.chunks.pop_back();
    ++chunks_read_;
  }
  lane.head = std::min(span_head(lane), event_head(lane));
  return true;
}

void LaneMerge::take(Lane& lane, Instant limit, std::vector<store::Span>& spans,
                     std::vector<store::EventRow>& events) {
  while (lane.span < lane.spans.size() && span_head(lane) <= limit) {
    spans.push_back(lane.spans[lane.span++]);
  }
  while (lane.event < lane.events.size() && event_head(lane) <= limit) {
    events.push_back(lane.events[lane.event++]);
  }
}

Result<bool> LaneMerge::next(std::vector<store::Span>& spans,
                             std::vector<store::EventRow>& events) {
  spans.clear();
  events.clear();
  if (!started_) {
    started_ = true;
    for (Lane& lane : lanes_) {
      const Result<bool> more = advance(lane);
      if (!more) return more.error();
      if (*more) heap_.push_back(&lane);
    }
    std::make_heap(heap_.begin(), heap_.end(), is_later);
  }
  while (!heap_.empty() && spans.size() + events.size() < kBatchSpans) {
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    Lane& lane = *heap_.back();
    take(lane, heap_.size() > 1 ? heap_.front()->head : kNever, spans, events);
    const Result<bool> more = advance(lane);
    if (!more) return more.error();
    if (*more) {
      std::push_heap(heap_.begin(), heap_.end(), is_later);
    } else {
      heap_.pop_back();
    }
  }
  return !spans.empty() || !events.empty();
}

}  // namespace taskscope::viewer
