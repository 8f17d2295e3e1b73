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

inline void count(ChunkStatistics& statistics, const StoredRow& row) {
  ChunkSummary& summary = statistics.summary;
  statistics.kind_mask |= kind_bit(row.kind);
  summary.events += is_event(row.kind);
  if (row.span_ns == kNoSpan) return;
  ++summary.spans;
  summary.start_ns = std::min(summary.start_ns, row.ns - row.span_ns);
  summary.longest_span_ns = std::max(summary.longest_span_ns, row.span_ns);
  summary.state_ns[static_cast<std::size_t>(closed_state(row.kind, row.reason))] += row.span_ns;
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
  first_ns_ = first.ns;
  last_ns_ = first.ns;
  for (std::size_t i = 0; i < kColumnCount; ++i) ends_[i] = room_.get() + i * kColumnBytesMax;
  last_task_ = {};
  last_arg_ = {};
  last_object_ = 0;
  starts_ = SpanStarts(start_);
  statistics_ = {};
  statistics_.summary.start_ns = first.ns;
}

void ChunkEncoder::add(const StoredRow& row) {
  if (rows_ == 0) begin(row);
  ++rows_;
  TASKSCOPE_DCHECK(row.ns >= last_ns_);
  const std::uint8_t fields = fields_of(row.kind);
  auto& at = ends_;
  *at[kKinds]++ = static_cast<std::uint8_t>(row.kind);
  at[kTimes] = put_varint(at[kTimes], static_cast<std::uint64_t>(row.ns - last_ns_));
  last_ns_ = row.ns;
  if (fields & kHasTask) {
    at[kTasks] =
        put_varint(at[kTasks], zigzag(row.task_id - last_task_.predict(row.kind, current_)));
    last_task_.take(row.kind, row.task_id);
  }
  if (fields & kHasSpan) {
    at[kSpans] = put_varint(at[kSpans], zigzag(static_cast<std::uint64_t>(row.span_ns) -
                                               starts_.predict(row.task_id, row.ns)));
  }
  if (fields & kBeginsState) starts_.begin(row.task_id, row.ns);
  if (fields & kHasObject) {
    at[kObjects] = put_varint(at[kObjects], zigzag(row.object_id - last_object_));
    last_object_ = row.object_id;
  }
  if (fields & kHasSite) at[kSites] = put_varint(at[kSites], row.site_id);
  if (fields & kHasReason) *at[kReasons]++ = static_cast<std::uint8_t>(row.reason);
  if (fields & kHasArg) {
    std::uint64_t arg = row.arg;
    if (fields & kHasArg2) {
      at[kArgs2] = put_varint(at[kArgs2], arg >> trace_format::kIdBits);
      arg &= trace_format::kIdMask;
    }
    at[kArgs] = put_varint(at[kArgs], zigzag(arg - last_arg_.predict(row.kind)));
    last_arg_.take(row.kind, arg);
  }
  current_.take(row.kind, row.task_id, row.ns, row.arg);
  count(statistics_, row);
}

// The columns behind their head, compressed.
ChunkEncoder::Packed ChunkEncoder::pack(ChunkCompressor& compressor) {
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
  out = put_varint(out, start_.id);
  out = put_varint(out, static_cast<std::uint64_t>(start_.since_ns));
  out = put_varint(out, start_.thread_id << 1 | std::uint64_t{start_.for_one_event});
  for (const auto& column : columns) out = put_varint(out, column.size());
  for (const auto& column : columns) out = std::copy(column.begin(), column.end(), out);
  const auto raw_bytes = static_cast<std::size_t>(out - raw.data());
  const std::size_t bound = ZSTD_compressBound(raw_bytes);
  if (blob.size() < bound) blob.resize(bound);
  const std::size_t blob_bytes = ZSTD_compress2(compressor.context_->zstd.get(), blob.data(),
                                                blob.size(), raw.data(), raw_bytes);
  TASKSCOPE_CHECK(!ZSTD_isError(blob_bytes));
  rows_ = 0;
  statistics_.summary.end_ns = last_ns_;
  return {{blob.data(), blob_bytes}, static_cast<std::uint32_t>(raw_bytes), statistics_};
}

}  // namespace taskscope::store
