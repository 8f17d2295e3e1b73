#include "viewer/model/lane_merge.h"

#include <algorithm>
#include <limits>

namespace taskscope::viewer {
namespace {

constexpr std::size_t kBatchSpans = 4096;
constexpr std::pair<std::int64_t, std::int64_t> kNever{std::numeric_limits<std::int64_t>::max(),
                                                       std::numeric_limits<std::int64_t>::max()};

}  // namespace

LaneMerge::LaneMerge(const store::Reader& reader, std::span<const store::EventKind> kinds)
    : reader_(reader), kinds_(kinds.begin(), kinds.end()) {}

LaneMerge::Lane& LaneMerge::lane_of(LaneKey key) {
  std::unique_ptr<Lane>& lane = lanes_[key];
  if (lane == nullptr) lane = std::make_unique<Lane>();
  return *lane;
}

void LaneMerge::add(std::span<const store::ChunkSummary> chunks) {
  for (const store::ChunkSummary& chunk : chunks) {
    lane_of({chunk.program_id, chunk.worker_id}).parts.push_back({chunk.id, {}});
  }
  started_ = false;
}

Result<void> LaneMerge::add(const store::Cut& cut) {
  const auto places = reader_.chunks_between(last_chunk_, cut.last_chunk);
  if (!places) return places.error();
  std::map<std::int64_t, UnderWay> under_way;
  for (const store::Cut::Part& part : cut.under_way) under_way[part.chunk].rows = part.rows;
  const auto add_part = [&](std::int64_t chunk, std::size_t first, Lane& lane) {
    const auto at = under_way.find(chunk);
    const bool whole = at == under_way.end();
    if (!whole) at->second.lane = &lane;
    if (whole || at->second.rows > first) {
      lane.parts.push_back(
          {chunk, {first, whole ? store::Reader::RowRange{}.last : at->second.rows}});
    }
  };
  for (const auto& [chunk, before] : under_way_) {
    if (before.lane != nullptr) add_part(chunk, before.rows, *before.lane);
  }
  for (const store::Reader::ChunkPlace& place : *places) {
    add_part(place.id, 0, lane_of({place.program_id, place.worker_id}));
  }
  under_way_ = std::move(under_way);
  last_chunk_ = std::max(last_chunk_, cut.last_chunk);
  started_ = false;
  return {};
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
    if (lane.parts.empty()) return false;
    lane.spans.clear();
    lane.events.clear();
    lane.span = 0;
    lane.event = 0;
    const Part part = lane.parts.front();
    const Result<std::size_t> read =
        reader_.read_spans_and_events(part.chunk, kinds_, lane.spans, lane.events, part.rows);
    if (!read) return read.error();
    lane.parts.pop_front();
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
    for (const auto& [key, lane] : lanes_) {
      const Result<bool> more = advance(*lane);
      if (!more) return more.error();
      if (*more) heap_.push_back(lane.get());
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
