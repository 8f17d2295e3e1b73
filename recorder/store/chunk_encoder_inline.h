// How a row goes into its columns: the part of chunk_encoder.h that runs once for each event.
//
// Inline, for callers that know a row's kind where they are compiled: nearly all that depends on it
// is then decided there, too. Everybody else calls ChunkEncoder::add().
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "recorder/store/chunk_encoder.h"
#include "runtime/base/check.h"

namespace taskscope::store {

namespace chunk_bytes {

inline std::uint8_t* put_long_varint(std::uint8_t* out, std::uint64_t value) {
  while (value >= 128) {
    *out++ = static_cast<std::uint8_t>(value | 128);
    value >>= 7;
  }
  *out++ = static_cast<std::uint8_t>(value);
  return out;
}

// Writes a varint and returns its end; what is behind it is overwritten, up to kVarintBytesMax in
// all. The seven bits of each byte are spread at once: how many bytes there will be is what a
// processor cannot guess.
inline std::uint8_t* put_varint(std::uint8_t* out, std::uint64_t value) {
  static_assert(std::endian::native == std::endian::little);
  if (value >> 56 != 0) [[unlikely]] {
    return put_long_varint(out, value);
  }
  const auto bit = static_cast<unsigned>(63 - std::countl_zero(value | 1));
  const unsigned bytes_behind = bit * 37 >> 8;  // bit / 7
  std::uint64_t spread = (value & 0x0fff'ffff) | (value & 0x00ff'ffff'f000'0000) << 4;
  spread = (spread & 0x0000'3fff'0000'3fff) | (spread & 0x0fff'c000'0fff'c000) << 2;
  spread = (spread & 0x007f'007f'007f'007f) | (spread & 0x3f80'3f80'3f80'3f80) << 1;
  spread |= 0x8080'8080'8080'8080 & ((std::uint64_t{1} << 8 * bytes_behind) - 1);
  std::memcpy(out, &spread, sizeof(spread));
  return out + bytes_behind + 1;
}

}  // namespace chunk_bytes

[[gnu::always_inline]] inline void ChunkEncoder::count(EventKind kind, const StoredRow& row) {
  ChunkSummary& summary = statistics_.summary;
  statistics_.kind_mask |= kind_bit(kind);
  summary.events += is_event(kind);
  if (ends_region(kind)) {
    const std::int64_t length_ns =
        RegionArgs::unpack(row.arg, static_cast<std::uint32_t>(row.arg >> trace_format::kIdBits))
            .length_ns;
    if (length_ns <= row.ns) summary.start_ns = std::min(summary.start_ns, row.ns - length_ns);
  }
  if (row.span_ns == kNoSpan) return;
  ++summary.spans;
  summary.start_ns = std::min(summary.start_ns, row.ns - row.span_ns);
  summary.longest_span_ns = std::max(summary.longest_span_ns, row.span_ns);
  summary.state_ns[static_cast<std::size_t>(closed_state(kind, row.reason))] += row.span_ns;
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
      at[kSpans] = chunk_bytes::put_varint(
          at[kSpans],
          zigzag(static_cast<std::uint64_t>(row.span_ns) - static_cast<std::uint64_t>(span_ns)));
    }
    if (fields & kHasObject) {
      at[kObjects] =
          chunk_bytes::put_varint(at[kObjects], zigzag(row.object_id - predictor_.last_object()));
    }
    if (fields & kHasSite) at[kSites] = chunk_bytes::put_varint(at[kSites], row.site_id);
    if (fields & kHasReason) *at[kReasons]++ = static_cast<std::uint8_t>(row.reason);
    if (fields & kHasArg) {
      std::uint64_t arg = row.arg;
      if (fields & kHasArg2) {
        at[kArgs2] = chunk_bytes::put_varint(at[kArgs2], arg >> trace_format::kIdBits);
        arg &= trace_format::kIdMask;
      }
      at[kArgs] = chunk_bytes::put_varint(at[kArgs], zigzag(arg - predictor_.last_arg(kind)));
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
  if (rows_ == 0) begin(row);
  ++rows_;
  TASKSCOPE_DCHECK(row.ns >= last_ns_);
  const std::uint8_t fields = fields_of(kind);
  auto code = static_cast<std::uint8_t>(code_of(kind) | kTaskAsPredicted);
  ends_[kTimes] =
      chunk_bytes::put_varint(ends_[kTimes], static_cast<std::uint64_t>(row.ns - last_ns_));
  last_ns_ = row.ns;
  if (fields & kHasTask) {
    if (row.task_id != predictor_.task(kind, current_)) {
      code &= static_cast<std::uint8_t>(~kTaskAsPredicted);
      ends_[kTasks] = chunk_bytes::put_varint(
          ends_[kTasks], zigzag(row.task_id - predictor_.last_task(kind, current_)));
    }
    predictor_.take_task(kind, row.task_id, current_);
  }
  if (add_rest(kind, row)) code |= kRestAsPredicted;
  *ends_[kCodes]++ = code;
  if (fields & kBeginsState) predictor_.begin_state(row.task_id, row.ns);
  current_.take(kind, row.task_id, row.ns, row.arg);
  source_.take(kind, row.arg);
  count(kind, row);
}

}  // namespace taskscope::store
