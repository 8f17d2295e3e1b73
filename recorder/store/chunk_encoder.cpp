#include "recorder/store/chunk_encoder.h"

#include <zstd.h>

#include <algorithm>

#include "recorder/store/chunk_encoder_inline.h"
#include "runtime/base/check.h"

namespace taskscope::store {

namespace {

using chunk_bytes::put_varint;

constexpr int kCompressionLevel = 1;
constexpr std::size_t kColumnBytesMax = kChunkRowsMax * kVarintBytesMax;

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

// One branch on the kind instead of one for each field, as when decoding.
void ChunkEncoder::add(const StoredRow& row) {
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
