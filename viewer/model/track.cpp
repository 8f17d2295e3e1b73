#include "viewer/model/track.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "runtime/base/check.h"

namespace taskscope::viewer {
namespace {

// A packed span: one byte that says what follows; its length in as many bytes as that says; then,
// if they are not as predicted, its payload, the gap since the span before and its extra value.
// Predicted is no gap, no extra value and the payload of the last span of the same class; payload
// and extra value are differences to that span's. A task mostly waits for the same things and is
// woken by the same tasks.
constexpr unsigned kClassBits = 3;
constexpr std::uint8_t kHasGap = 1U << kClassBits;
constexpr std::uint8_t kHasExtra = kHasGap << 1;
constexpr std::uint8_t kHasPayload = kHasGap << 2;
constexpr unsigned kLengthShift = kClassBits + 3;
constexpr std::size_t kPackedMax = 1 + 8 + 5 + 10 + 5;
static_assert(kStateClasses <= 1U << kClassBits);

// Of a length of 1, 2, 4 or 8 bytes.
constexpr std::array<std::uint64_t, 4> kLengthMasks = {0xff, 0xffff, 0xffff'ffff,
                                                       0xffff'ffff'ffff'ffff};
unsigned length_code(std::uint64_t length) {
  return (length > kLengthMasks[0] ? 1U : 0U) + (length > kLengthMasks[1] ? 1U : 0U) +
         (length > kLengthMasks[2] ? 1U : 0U);
}

std::uint8_t* put_varint(std::uint8_t* at, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) *at++ = static_cast<std::uint8_t>(value | 0x80);
  *at++ = static_cast<std::uint8_t>(value);
  return at;
}

std::uint64_t take_varint(const std::uint8_t*& at) {
  std::uint64_t value = *at & 0x7f;
  for (unsigned shift = 7; *at++ >= 0x80; shift += 7) value |= std::uint64_t{*at & 0x7fU} << shift;
  return value;
}

std::uint32_t zigzag(std::uint32_t value, std::uint32_t before) {
  const auto difference = static_cast<std::int32_t>(value - before);
  return static_cast<std::uint32_t>(difference) << 1 ^ static_cast<std::uint32_t>(difference >> 31);
}

std::uint32_t undo_zigzag(std::uint32_t packed, std::uint32_t before) {
  return before + (packed >> 1 ^ (0U - (packed & 1)));
}

std::uint8_t* pack(std::uint8_t* at, const TrackSpan& span, std::int64_t before_ns,
                   TrackPredictor& predictor) {
  static_assert(std::endian::native == std::endian::little);
  std::uint8_t* const control = at++;
  const auto length = static_cast<std::uint64_t>(span.length_ns());
  const unsigned code = length_code(length);
  std::memcpy(at, &length, sizeof(length));
  at += std::size_t{1} << code;
  *control = static_cast<std::uint8_t>(code << kLengthShift | index_of(span.state_class));
  auto& [payload, extra] = predictor[index_of(span.state_class)];
  if (span.payload != payload) {
    *control |= kHasPayload;
    at = put_varint(at, zigzag(span.payload, payload));
    payload = span.payload;
  }
  if (span.start_ns != before_ns) {
    *control |= kHasGap;
    at = put_varint(at, static_cast<std::uint64_t>(span.start_ns - before_ns));
  }
  if (span.extra != 0) {
    *control |= kHasExtra;
    at = put_varint(at, zigzag(span.extra, extra));
    extra = span.extra;
  }
  return at;
}

// Reads the span after one that ended at span.end_ns.
void unpack(const std::uint8_t*& at, TrackPredictor& predictor, TrackSpan& span) {
  const std::uint8_t control = *at++;
  const unsigned code = control >> kLengthShift;
  std::uint64_t length = 0;
  std::memcpy(&length, at, sizeof(length));  // may read PackedArena::kReadBeyond bytes beyond
  at += std::size_t{1} << code;
  span.state_class = static_cast<StateClass>(control & ((1U << kClassBits) - 1));
  auto& [payload, extra] = predictor[index_of(span.state_class)];
  if ((control & kHasPayload) != 0) {
    payload = undo_zigzag(static_cast<std::uint32_t>(take_varint(at)), payload);
  }
  span.payload = payload;
  span.start_ns = span.end_ns;
  if ((control & kHasGap) != 0) span.start_ns += static_cast<std::int64_t>(take_varint(at));
  span.extra = 0;
  if ((control & kHasExtra) != 0) {
    extra = undo_zigzag(static_cast<std::uint32_t>(take_varint(at)), extra);
    span.extra = extra;
  }
  span.end_ns = span.start_ns + static_cast<std::int64_t>(length & kLengthMasks[code]);
}

// The spans of a block, one after another.
class Unpacker {
 public:
  Unpacker(const std::uint8_t* at, std::int64_t start_ns) : at_(at) { span_.end_ns = start_ns; }

  const TrackSpan& next() {
    unpack(at_, predictor_, span_);
    return span_;
  }

 private:
  const std::uint8_t* at_;
  TrackPredictor predictor_{};
  TrackSpan span_;
};

static_assert(sizeof(std::uint64_t) <= PackedArena::kReadBeyond);

void add_up_to(ClassTimes& times, const TrackSpan& span, std::int64_t ns) {
  times[index_of(span.state_class)] += std::min(span.end_ns, ns) - span.start_ns;
}

}  // namespace

std::int64_t ColumnGrid::left_ns(std::int64_t column) const {
  return static_cast<std::int64_t>(std::llround(static_cast<double>(column) * ns_per_px));
}

std::int64_t ColumnGrid::column_of(std::int64_t ns) const {
  auto column = static_cast<std::int64_t>(std::floor(static_cast<double>(ns) / ns_per_px));
  while (left_ns(column) > ns) --column;
  while (left_ns(column + 1) <= ns) ++column;
  return column;
}

std::int64_t ColumnGrid::nearest_edge(std::int64_t ns) const {
  return static_cast<std::int64_t>(std::llround(static_cast<double>(ns) / ns_per_px));
}

std::array<std::uint8_t, kStateClasses> to_shares(const ClassTimes& times, std::int64_t length_ns) {
  std::array<std::uint8_t, kStateClasses> shares{};
  if (length_ns <= 0) return shares;
  for (std::size_t at = 0; at < kStateClasses; ++at) {
    if (times[at] <= 0) continue;
    const double share = static_cast<double>(times[at]) / static_cast<double>(length_ns);
    shares[at] = static_cast<std::uint8_t>(std::clamp(std::lround(share * 255), 1L, 255L));
  }
  return shares;
}

Track::Block Track::block(std::size_t at) const {
  if (blocks_ != nullptr) return (at + 1) * kBlockSpans < size_ ? blocks_[at] : *last_;
  return {.start_ns = start_ns_, .bytes = bytes_, .before = {}};
}

std::size_t Track::spans_in(std::size_t block) const {
  return std::min<std::size_t>(kBlockSpans, size_ - block * kBlockSpans);
}

std::size_t Track::last_block_before(std::int64_t ns) const {
  const std::size_t count = block_count();
  if (size_ == 0 || start_ns_ >= ns) return count;
  if (blocks_ == nullptr) return 0;
  if (last_->start_ns < ns) return count - 1;
  const Block* after = std::partition_point(
      blocks_ + 1, blocks_ + count - 1, [ns](const Block& block) { return block.start_ns < ns; });
  return static_cast<std::size_t>(after - blocks_) - 1;
}

TrackSpan Track::operator[](std::size_t at) const {
  TASKSCOPE_CHECK(at < size_);
  const Block from = block(at / kBlockSpans);
  Unpacker unpacker(from.bytes, from.start_ns);
  for (std::size_t left = at % kBlockSpans; left > 0; --left) unpacker.next();
  return unpacker.next();
}

std::size_t Track::first_starting_at(std::int64_t ns) const {
  const std::size_t at = last_block_before(ns);
  if (at == block_count()) return 0;
  const Block from = block(at);
  Unpacker unpacker(from.bytes, from.start_ns);
  const std::size_t count = spans_in(at);
  std::size_t passed = 0;
  while (passed < count && unpacker.next().start_ns < ns) ++passed;
  return at * kBlockSpans + passed;
}

std::size_t Track::first_ending_after(std::int64_t ns) const {
  return TrackReader(*this).first_ending_after(ns);
}

std::size_t Track::span_at(std::int64_t ns) const {
  TrackReader reader(*this);
  const std::size_t at = reader.first_ending_after(ns);
  return at < size() && reader[at].start_ns <= ns ? at : size();
}

ClassTimes Track::times_before(std::int64_t ns) const {
  const std::size_t at = last_block_before(ns);
  if (at == block_count()) return {};
  const Block from = block(at);
  ClassTimes times = from.before;
  Unpacker unpacker(from.bytes, from.start_ns);
  for (std::size_t left = spans_in(at); left > 0; --left) {
    const TrackSpan& span = unpacker.next();
    if (span.start_ns >= ns) break;
    add_up_to(times, span, ns);
  }
  return times;
}

ClassTimes Track::times_in(TimeRange range) const {
  ClassTimes times = times_before(range.end_ns);
  const ClassTimes before = times_before(range.start_ns);
  for (std::size_t at = 0; at < kStateClasses; ++at) times[at] -= before[at];
  return times;
}

namespace {

// Goes over the columns from left to right.
class CellCutter {
 public:
  CellCutter(const Track& track, const ColumnGrid& grid, std::int64_t last, double span_min_px)
      : reader_(track), grid_(grid), last_(last), wide_min_ns_(span_min_px * grid.ns_per_px) {}

  std::vector<Cell> cut(std::int64_t column) {
    while (column < last_) {
      const std::int64_t from_ns = grid_.left_ns(column);
      const std::int64_t to_ns = grid_.left_ns(column + 1);
      const std::size_t left = reader_.first_ending_after(from_ns);
      if (left == reader_.size()) break;
      const TrackSpan first = reader_[left];
      if (first.start_ns >= to_ns) {
        column = std::max(column + 1, grid_.column_of(first.start_ns));
        continue;
      }
      // Spans [left, right) touch this column; at most the outer two reach beyond it.
      const std::size_t right = reader_.first_starting_at(to_ns);
      const TrackSpan outer = reader_[right - 1];
      if (wide(first) && grid_.nearest_edge(first.start_ns) <= column &&
          grid_.nearest_edge(first.end_ns) > column) {
        column = add_span(column, left, first);
      } else if (wide(outer) && grid_.nearest_edge(outer.start_ns) <= column) {
        column = add_span(column, right - 1, outer);
      } else {
        if (right - left > 2 || !wide(first) || !wide(outer)) add_mixture(column, from_ns, to_ns);
        ++column;
      }
    }
    return std::move(cells_);
  }

 private:
  bool wide(const TrackSpan& span) const {
    return static_cast<double>(span.length_ns()) >= wide_min_ns_;
  }

  std::int64_t add_span(std::int64_t column, std::size_t at, const TrackSpan& span) {
    const std::int64_t end = std::min(last_, grid_.nearest_edge(span.end_ns));
    cells_.push_back({.first = column,
                      .last = std::max(end, column + 1),
                      .span = static_cast<std::uint32_t>(at),
                      .payload = span.payload,
                      .extra = span.extra,
                      .state_class = span.state_class});
    return cells_.back().last;
  }

  void add_mixture(std::int64_t column, std::int64_t from_ns, std::int64_t to_ns) {
    // The end of a mixture is most often the beginning of the next one.
    const ClassTimes before = edge_ns_ == from_ns ? edge_ : reader_.times_before(from_ns);
    edge_ = reader_.times_before(to_ns);
    edge_ns_ = to_ns;
    ClassTimes times{};
    for (std::size_t at = 0; at < kStateClasses; ++at) times[at] = edge_[at] - before[at];
    const auto shares = to_shares(times, to_ns - from_ns);
    if (shares == decltype(shares){}) return;
    if (!cells_.empty() && cells_.back().is_mixture() && cells_.back().last == column &&
        cells_.back().shares == shares) {
      ++cells_.back().last;
    } else {
      cells_.push_back({.first = column, .last = column + 1, .shares = shares});
    }
  }

  TrackReader reader_;
  const ColumnGrid grid_;
  const std::int64_t last_;
  const double wide_min_ns_;
  std::vector<Cell> cells_;
  std::int64_t edge_ns_ = INT64_MIN;  // where edge_ holds
  ClassTimes edge_{};
};

}  // namespace

std::vector<Cell> Track::cells(const ColumnGrid& grid, std::int64_t first, std::int64_t last,
                               double span_min_px) const {
  return CellCutter(*this, grid, last, span_min_px).cut(first);
}

void TrackBuilder::add(const TrackSpan& span, PackedArena& arena) {
  TASKSCOPE_CHECK(size_ == 0 || span.start_ns >= last_.end_ns);
  TASKSCOPE_CHECK(span.end_ns >= span.start_ns);
  if (size_ == 0) {
    start_ns_ = span.start_ns;
  } else {
    pack_last(arena);
  }
  last_ = span;
  ++size_;
}

// As the span of number size_ - 1.
void TrackBuilder::pack_last(PackedArena& arena) {
  if (open_.empty()) {
    block_start_ns_ = last_.start_ns;
    packed_until_ns_ = last_.start_ns;
    predictor_ = {};
  }
  std::array<std::uint8_t, kPackedMax> packed;
  std::uint8_t* const end = pack(packed.data(), last_, packed_until_ns_, predictor_);
  const std::size_t wanted = open_.size() + static_cast<std::size_t>(end - packed.data());
  // There are as many of these as tracks: little room is left unused.
  if (wanted > open_.capacity()) open_.reserve(wanted + wanted / 4);
  open_.insert(open_.end(), packed.data(), end);
  packed_until_ns_ = last_.end_ns;
  if (size_ % kBlockSpans == 0) seal(arena);
}

// The open block is full, or the last one.
void TrackBuilder::seal(PackedArena& arena) {
  const ClassTimes before = times_before_open();
  const std::uint8_t* bytes = arena.copy(std::span<const std::uint8_t>(open_));
  blocks_.push_back({.start_ns = block_start_ns_, .bytes = bytes, .before = before});
  std::vector<std::uint8_t>().swap(open_);
}

ClassTimes TrackBuilder::times_before_open() const {
  if (blocks_.empty()) return {};
  const Track::Block& full = blocks_.back();
  ClassTimes times = full.before;
  Unpacker unpacker(full.bytes, full.start_ns);
  for (std::size_t left = kBlockSpans; left > 0; --left) {
    add_up_to(times, unpacker.next(), INT64_MAX);
  }
  return times;
}

Track TrackBuilder::finish(PackedArena& arena) {
  Track track;
  if (size_ == 0) return track;
  pack_last(arena);
  if (!open_.empty()) seal(arena);
  if (blocks_.size() > 1) {
    track.blocks_ = arena.copy(std::span<const Track::Block>(blocks_.data(), blocks_.size()));
    track.last_ = track.blocks_ + blocks_.size() - 1;
  } else {
    track.bytes_ = blocks_.back().bytes;
  }
  track.start_ns_ = start_ns_;
  track.end_ns_ = last_.end_ns;
  track.size_ = size_;
  *this = TrackBuilder();
  return track;
}

Track TrackBuilder::snapshot(PackedArena& rest, KeptMemory& kept) const {
  Track track;
  if (size_ == 0) return track;
  const bool begins = open_.empty();
  Track::Block open{.start_ns = begins ? last_.start_ns : block_start_ns_,
                    .bytes = nullptr,
                    .before = times_before_open()};
  TrackPredictor predictor = begins ? TrackPredictor{} : predictor_;
  std::array<std::uint8_t, kPackedMax> packed;
  const std::uint8_t* const end =
      pack(packed.data(), last_, begins ? last_.start_ns : packed_until_ns_, predictor);
  open.bytes = rest.join<std::uint8_t>(
      open_, {packed.data(), static_cast<std::size_t>(end - packed.data())});
  if (blocks_.empty()) {
    track.bytes_ = open.bytes;
  } else {
    track.last_ = rest.copy(std::span<const Track::Block>(&open, 1));
    track.blocks_ = blocks_.data();
    kept.push_back(blocks_.share().memory());
  }
  track.start_ns_ = start_ns_;
  track.end_ns_ = last_.end_ns;
  track.size_ = size_;
  return track;
}

TrackWalk::TrackWalk(const Track& track, std::int64_t ns) : track_(&track), after_ns_(ns) {
  const std::size_t block = track.last_block_before(ns);
  if (block != track.block_count()) at_ = block * kBlockSpans;
}

const TrackSpan* TrackWalk::next() {
  while (at_ < track_->size()) {
    if (bytes_ == nullptr || at_ % kBlockSpans == 0) {
      const Track::Block block = track_->block(at_ / kBlockSpans);
      bytes_ = block.bytes;
      predictor_ = {};
      span_.end_ns = block.start_ns;
    }
    unpack(bytes_, predictor_, span_);
    ++at_;
    if (span_.end_ns > after_ns_) return &span_;
  }
  return nullptr;
}

const TrackReader::Unpacked& TrackReader::unpack(std::size_t block) {
  if (unpacked_[last_].block == block) return unpacked_[last_];
  last_ = 1 - last_;
  Unpacked& out = unpacked_[last_];
  if (out.block == block) return out;
  out.block = block;
  const Track::Block from = track_->block(block);
  Unpacker unpacker(from.bytes, from.start_ns);
  const std::size_t count = track_->spans_in(block);
  for (std::size_t at = 0; at < count; ++at) out.spans[at] = unpacker.next();
  return out;
}

const TrackSpan& TrackReader::operator[](std::size_t at) {
  return unpack(at / kBlockSpans).spans[at % kBlockSpans];
}

std::size_t TrackReader::first_starting_at(std::int64_t ns) {
  const std::size_t block = track_->last_block_before(ns);
  if (block == track_->block_count()) return 0;
  const auto& spans = unpack(block).spans;
  const auto end = spans.begin() + static_cast<std::ptrdiff_t>(track_->spans_in(block));
  const auto at = std::partition_point(spans.begin(), end,
                                       [ns](const TrackSpan& span) { return span.start_ns < ns; });
  return block * kBlockSpans + static_cast<std::size_t>(at - spans.begin());
}

std::size_t TrackReader::first_ending_after(std::int64_t ns) {
  std::size_t at = first_starting_at(ns);
  if (at > 0 && (*this)[at - 1].end_ns > ns) return at - 1;
  while (at < size() && (*this)[at].end_ns <= ns) ++at;  // empty ones, at that very instant
  return at;
}

ClassTimes TrackReader::times_before(std::int64_t ns) {
  const std::size_t block = track_->last_block_before(ns);
  if (block == track_->block_count()) return {};
  ClassTimes times = track_->block(block).before;
  const auto& spans = unpack(block).spans;
  for (std::size_t at = 0, count = track_->spans_in(block); at < count; ++at) {
    if (spans[at].start_ns >= ns) break;
    add_up_to(times, spans[at], ns);
  }
  return times;
}

}  // namespace taskscope::viewer
