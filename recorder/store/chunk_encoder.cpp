#include "recorder/store/chunk_encoder.h"

#include <zstd.h>

#include <algorithm>
#include <limits>

#include "runtime/base/check.h"

namespace taskscope::store {

namespace {

constexpr int kCompressionLevel = 1;
constexpr std::size_t kColumnBytesMax = kChunkRowsMax * kVarintBytesMax;

inline std::uint8_t* put_varint(std::uint8_t* out, std::uint64_t value) {
  while (value >= 128) {
    *out++ = static_cast<std::uint8_t>(value | 128);
    value >>= 7;
  }
  *out++ = static_cast<std::uint8_t>(value);
  return out;
}

[[gnu::always_inline]] inline void count(ChunkStatistics& statistics, EventKind kind,
                                         const StoredRow& row) {
  ChunkSummary& summary = statistics.summary;
  statistics.kind_mask |= kind_bit(kind);
  summary.events += is_event(kind);
  if (row.span_ns == kNoSpan) return;
  ++summary.spans;
  summary.start_ns = std::min(summary.start_ns, row.ns - row.span_ns);
  summary.longest_span_ns = std::max(summary.longest_span_ns, row.span_ns);
  summary.state_ns[static_cast<std::size_t>(closed_state(kind, row.reason))] += row.span_ns;
}

}  // namespace

struct ChunkCompressor::Context {
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> zstd{ZSTD_createCCtx(), ZSTD_freeCCtx};
  std::vector<std::uint8_t> raw;
  std::vector<std::byte> blob;
};

ChunkCompressor::ChunkCompressor() : context_(std::make_unique<Context>()) {
  ZSTD_CCtx_setParameter(context_->zstd.get(), ZSTD_c_compressionLevel, kCompressionLevel);
  ZSTD_CCtx_setParameter(context_->zstd.get(), ZSTD_c_checksumFlag, 1);
}
ChunkCompressor::ChunkCompressor(ChunkCompressor&&) noexcept = default;
ChunkCompressor& ChunkCompressor::operator=(ChunkCompressor&&) noexcept = default;
ChunkCompressor::~ChunkCompressor() = default;

// The room is not filled: pages that no column reaches cost nothing.
ChunkEncoder::ChunkEncoder(const CurrentTask& current)
    : room_(new std::uint8_t[kColumnBytesMax * kColumnCount]), current_(current) {}

void ChunkEncoder::begin(const StoredRow& first) {
  start_ = current_;
  start_source_ = source_;
  first_ns_ = first.ns;
  last_ns_ = first.ns;
  for (std::size_t i = 0; i < kColumnCount; ++i) ends_[i] = room_.get() + i * kColumnBytesMax;
  predictor_.begin(start_);
  statistics_ = {};
  statistics_.summary.start_ns = first.ns;
}

// Returns whether all is as predicted, and nothing had to be stored.
[[gnu::always_inline]] inline bool ChunkEncoder::add_rest(EventKind kind, const StoredRow& row) {
  const std::uint8_t fields = fields_of(kind);
  if (!(fields & kHasRest)) return true;
  RowPredictor::Seen& seen = predictor_.about(kind, row.task_id);
  const std::int64_t span_ns = RowPredictor::span_ns(seen, row.ns);
  const bool predicted = (!(fields & kHasSpan) || row.span_ns == span_ns) &&
                         (!(fields & kHasObject) || row.object_id == seen.object_id) &&
                         (!(fields & kHasSite) || row.site_id == seen.site_id) &&
                         (!(fields & kHasReason) || row.reason == seen.reason) &&
                         (!(fields & kHasArg) || row.arg == predictor_.arg(seen, kind)) &&
                         !(fields & kHasArg2);
  if (!predicted) {
    auto& at = ends_;
    if (fields & kHasSpan) {
      at[kSpans] = put_varint(at[kSpans], zigzag(static_cast<std::uint64_t>(row.span_ns) -
                                                 static_cast<std::uint64_t>(span_ns)));
    }
    if (fields & kHasObject) {
      at[kObjects] = put_varint(at[kObjects], zigzag(row.object_id - predictor_.last_object()));
    }
    if (fields & kHasSite) at[kSites] = put_varint(at[kSites], row.site_id);
    if (fields & kHasReason) *at[kReasons]++ = static_cast<std::uint8_t>(row.reason);
    if (fields & kHasArg) {
      std::uint64_t arg = row.arg;
      if (fields & kHasArg2) {
        at[kArgs2] = put_varint(at[kArgs2], arg >> trace_format::kIdBits);
        arg &= trace_format::kIdMask;
      }
      at[kArgs] = put_varint(at[kArgs], zigzag(arg - predictor_.last_arg(kind)));
    }
  }
  if (fields & kHasObject) predictor_.take_object(seen, row.object_id);
  if (fields & kHasSite) seen.site_id = row.site_id;
  if (fields & kHasReason) seen.reason = row.reason;
  if (fields & kHasArg) {
    const std::uint64_t arg = fields & kHasArg2 ? row.arg & trace_format::kIdMask : row.arg;
    predictor_.take_arg(seen, kind, arg);
  }
  return predicted;
}

[[gnu::always_inline]] inline void ChunkEncoder::add_as(EventKind kind, const StoredRow& row) {
  const std::uint8_t fields = fields_of(kind);
  auto code = static_cast<std::uint8_t>(code_of(kind) | kTaskAsPredicted);
  ends_[kTimes] = put_varint(ends_[kTimes], static_cast<std::uint64_t>(row.ns - last_ns_));
  last_ns_ = row.ns;
  if (fields & kHasTask) {
    if (row.task_id != predictor_.task(kind, current_)) {
      code &= static_cast<std::uint8_t>(~kTaskAsPredicted);
      ends_[kTasks] =
          put_varint(ends_[kTasks], zigzag(row.task_id - predictor_.last_task(kind, current_)));
    }
    predictor_.take_task(kind, row.task_id, current_);
  }
  if (add_rest(kind, row)) code |= kRestAsPredicted;
  *ends_[kCodes]++ = code;
  if (fields & kBeginsState) predictor_.begin_state(row.task_id, row.ns);
  current_.take(kind, row.task_id, row.ns, row.arg);
  source_.take(kind, row.arg);
  count(statistics_, kind, row);
}

// One branch on the kind instead of one for each field, as when decoding.
void ChunkEncoder::add(const StoredRow& row) {
  if (rows_ == 0) begin(row);
  ++rows_;
  TASKSCOPE_DCHECK(row.ns >= last_ns_);
  switch (row.kind) {
    case EventKind::Run:
      return add_as(EventKind::Run, row);
    case EventKind::Ready:
      return add_as(EventKind::Ready, row);
    case EventKind::Block:
      return add_as(EventKind::Block, row);
    case EventKind::Yield:
      return add_as(EventKind::Yield, row);
    case EventKind::Spawn:
      return add_as(EventKind::Spawn, row);
    case EventKind::Exit:
      return add_as(EventKind::Exit, row);
    default:
      return add_as(row.kind, row);
  }
}

// The columns behind their head, compressed.
ChunkEncoder::Packed ChunkEncoder::preview(ChunkCompressor& compressor) const {
  TASKSCOPE_CHECK(rows_ > 0);
  TASKSCOPE_CHECK(rows_ <= kChunkRowsMax);
  std::vector<std::uint8_t>& raw = compressor.context_->raw;
  std::vector<std::byte>& blob = compressor.context_->blob;
  std::array<std::span<const std::uint8_t>, kColumnCount> columns;
  std::size_t total = 16 * kVarintBytesMax;
  for (std::size_t i = 0; i < kColumnCount; ++i) {
    columns[i] = {room_.get() + i * kColumnBytesMax, ends_[i]};
    total += columns[i].size();
  }
  if (raw.size() < total) raw.resize(total);
  std::uint8_t* out = raw.data();
  out = put_varint(out, rows_);
  out = put_varint(out, static_cast<std::uint64_t>(first_ns_));
  out = put_varint(out, (start_.id & trace_format::kIdMask) | start_source_.packed());
  out = put_varint(out, static_cast<std::uint64_t>(start_.since_ns));
  out = put_varint(out, (start_.id & ~trace_format::kIdMask) << 1 |
                            (start_.thread_id & trace_format::kIdMask) << 1 |
                            std::uint64_t{start_.for_one_event});
  for (const auto& column : columns) out = put_varint(out, column.size());
  for (const auto& column : columns) out = std::copy(column.begin(), column.end(), out);
  const auto raw_bytes = static_cast<std::size_t>(out - raw.data());
  const std::size_t bound = ZSTD_compressBound(raw_bytes);
  if (blob.size() < bound) blob.resize(bound);
  const std::size_t blob_bytes = ZSTD_compress2(compressor.context_->zstd.get(), blob.data(),
                                                blob.size(), raw.data(), raw_bytes);
  TASKSCOPE_CHECK(!ZSTD_isError(blob_bytes));
  Packed packed{{blob.data(), blob_bytes}, static_cast<std::uint32_t>(raw_bytes), statistics_};
  packed.statistics.summary.end_ns = last_ns_;
  return packed;
}

ChunkEncoder::Packed ChunkEncoder::pack(ChunkCompressor& compressor) {
  const Packed packed = preview(compressor);
  rows_ = 0;
  return packed;
}

}  // namespace taskscope::store
