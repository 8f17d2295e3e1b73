#include "recorder/store/chunk_codec.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "recorder/store/chunk_layout.h"

namespace taskscope::store {

namespace {

// Reads varints out of one column, never past its end.
class ColumnReader {
 public:
  explicit ColumnReader(std::span<const std::byte> bytes)
      : at_(reinterpret_cast<const std::uint8_t*>(bytes.data())), end_(at_ + bytes.size()) {}

  std::uint64_t varint() {
    if (at_ < end_ && *at_ < 128) return *at_++;
    return long_varint();
  }
  std::uint8_t byte() {
    if (at_ == end_) return fail();
    return *at_++;
  }
  std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }
  bool ok() const { return ok_; }
  // Every value was there and nothing is left.
  bool ended_well() const { return ok_ && at_ == end_; }
  std::span<const std::byte> take(std::size_t bytes) {
    if (bytes > left()) {
      fail();
      return {};
    }
    const auto* first = reinterpret_cast<const std::byte*>(at_);
    at_ += bytes;
    return {first, bytes};
  }

 private:
  std::uint64_t long_varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (at_ == end_) return fail();
      const std::uint8_t part = *at_++;
      value |= std::uint64_t{part & 127u} << shift;
      if (part < 128) return value;
    }
    return fail();
  }
  std::uint8_t fail() {
    ok_ = false;
    at_ = end_;
    return 0;
  }

  const std::uint8_t* at_;
  const std::uint8_t* end_;
  bool ok_ = true;
};

Error damaged(const char* what) { return Error{std::string("the chunk is damaged: ") + what}; }

using Columns = std::array<std::span<const std::byte>, kColumnCount>;

Result<void> decompress(std::span<const std::byte> blob, std::vector<std::byte>& raw) {
  const unsigned long long size = ZSTD_getFrameContentSize(blob.data(), blob.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kRawBytesMax) {
    return damaged("its compressed frame is not one of ours");
  }
  raw.resize(static_cast<std::size_t>(size));
  const std::size_t written = ZSTD_decompress(raw.data(), raw.size(), blob.data(), blob.size());
  if (ZSTD_isError(written) || written != raw.size()) {
    return damaged("its compressed frame does not unpack");
  }
  return {};
}

struct ChunkStart {
  std::size_t rows = 0;
  std::int64_t ns = 0;
  CurrentTask current;
};

Result<ChunkStart> read_start(std::span<const std::byte> raw, Columns& columns) {
  ColumnReader reader(raw);
  ChunkStart start;
  start.rows = static_cast<std::size_t>(reader.varint());
  const std::uint64_t ns = reader.varint();
  start.current.id = reader.varint();
  const std::uint64_t since_ns = reader.varint();
  const std::uint64_t thread = reader.varint();
  start.current.thread_id = thread >> 1;
  start.current.for_one_event = thread & 1;
  std::array<std::uint64_t, kColumnCount> lengths{};
  for (std::uint64_t& length : lengths) length = reader.varint();
  if (!reader.ok() || start.rows == 0 || start.rows > kChunkRowsMax || ns > kTimeMax ||
      since_ns > kTimeMax) {
    return damaged("its head makes no sense");
  }
  start.ns = static_cast<std::int64_t>(ns);
  start.current.since_ns = static_cast<std::int64_t>(since_ns);
  for (std::size_t i = 0; i < kColumnCount; ++i) {
    if (lengths[i] > reader.left()) return damaged("a column is longer than the chunk");
    columns[i] = reader.take(static_cast<std::size_t>(lengths[i]));
  }
  if (!reader.ended_well()) return damaged("there are bytes after its last column");
  return start;
}

bool decode_kinds(std::span<const std::byte> column, std::size_t rows, ChunkColumns& out) {
  if (column.size() != rows) return false;
  out.kinds.resize(rows);
  std::memcpy(out.kinds.data(), column.data(), rows);
  return true;
}

bool decode_times(std::span<const std::byte> column, std::int64_t ns, ChunkColumns& out) {
  ColumnReader reader(column);
  out.ns.resize(out.kinds.size());
  for (std::int64_t& value : out.ns) {
    const std::uint64_t step = reader.varint();
    if (step > static_cast<std::uint64_t>(kTimeMax - ns)) return false;
    value = ns += static_cast<std::int64_t>(step);
  }
  return reader.ended_well();
}

bool decode_tasks(std::span<const std::byte> column, CurrentTask current, ChunkColumns& out) {
  ColumnReader reader(column);
  LastTask last;
  const std::size_t rows = out.kinds.size();
  out.task_ids.resize(rows);
  out.actors.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const EventKind kind = out.kinds[i];
    TaskId task_id = 0;
    if (fields_of(kind) & kHasTask) {
      task_id = last.predict(kind, current) + unzigzag(reader.varint());
      last.take(kind, task_id);
    }
    out.task_ids[i] = task_id;
    out.actors[i] = current.id;
    current.take(kind, task_id, 0, 0);
  }
  return reader.ended_well();
}

bool decode_spans(std::span<const std::byte> column, CurrentTask current, ChunkColumns& out) {
  ColumnReader reader(column);
  SpanStarts starts(current);
  const std::size_t rows = out.kinds.size();
  out.span_ns.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const std::uint8_t fields = fields_of(out.kinds[i]);
    const std::int64_t ns = out.ns[i];
    const TaskId task_id = out.task_ids[i];
    std::int64_t span_ns = kNoSpan;
    if (fields & kHasSpan) {
      span_ns = static_cast<std::int64_t>(starts.predict(task_id, ns) + unzigzag(reader.varint()));
      if (span_ns < kNoSpan || span_ns > ns) return false;
    }
    out.span_ns[i] = span_ns;
    if (fields & kBeginsState) starts.begin(task_id, ns);
  }
  return reader.ended_well();
}

bool decode_objects(std::span<const std::byte> column, ChunkColumns& out) {
  ColumnReader reader(column);
  const std::size_t rows = out.kinds.size();
  out.object_ids.resize(rows);
  ObjectId last = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const bool has = fields_of(out.kinds[i]) & kHasObject;
    if (has) last += unzigzag(reader.varint());
    out.object_ids[i] = has ? last : 0;
  }
  return reader.ended_well();
}

bool decode_sites(std::span<const std::byte> column, ChunkColumns& out) {
  ColumnReader reader(column);
  const std::size_t rows = out.kinds.size();
  out.site_ids.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const bool has = fields_of(out.kinds[i]) & kHasSite;
    out.site_ids[i] = has ? static_cast<SiteId>(reader.varint()) : 0;
  }
  return reader.ended_well();
}

bool decode_reasons(std::span<const std::byte> column, ChunkColumns& out) {
  ColumnReader reader(column);
  const std::size_t rows = out.kinds.size();
  out.reasons.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const bool has = fields_of(out.kinds[i]) & kHasReason;
    out.reasons[i] = has ? static_cast<BlockReason>(reader.byte()) : BlockReason::None;
  }
  return reader.ended_well();
}

bool decode_args(const Columns& columns, ChunkColumns& out) {
  ColumnReader first(columns[kArgs]);
  ColumnReader second(columns[kArgs2]);
  const std::size_t rows = out.kinds.size();
  out.args.resize(rows);
  out.args2.assign(rows, 0);
  LastArg last;
  for (std::size_t i = 0; i < rows; ++i) {
    const EventKind kind = out.kinds[i];
    out.args[i] = 0;
    const std::uint8_t fields = fields_of(kind);
    if (!(fields & kHasArg)) continue;
    out.args[i] = last.predict(kind) + unzigzag(first.varint());
    last.take(kind, out.args[i]);
    if (fields & kHasArg2) out.args2[i] = static_cast<std::uint32_t>(second.varint());
  }
  return first.ended_well() && second.ended_well();
}

// The thread of a row is that of its ring, unless the row or a `by` before it names another.
bool decode_threads(const Columns& columns, CurrentTask current, ChunkColumns& out) {
  const std::size_t rows = out.kinds.size();
  if (std::none_of(out.kinds.begin(), out.kinds.end(), names_thread)) {
    out.thread_ids.assign(rows, current.thread_id);
    return true;
  }
  if (!decode_args(columns, out)) return false;
  out.thread_ids.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const EventKind kind = out.kinds[i];
    const bool named = names_thread(kind) && out.args[i] != 0;
    out.thread_ids[i] = named ? out.args[i] : current.thread_id;
    current.take(kind, 0, 0, out.args[i]);
  }
  return true;
}

}  // namespace

bool has_arg(EventKind kind) { return fields_of(kind) & kHasArg; }
bool has_arg2(EventKind kind) { return fields_of(kind) & kHasArg2; }

Result<void> decode_chunk(std::span<const std::byte> blob, std::uint32_t wanted,
                          ChunkColumns& out) {
  if (auto unpacked = decompress(blob, out.raw); !unpacked) return unpacked;
  Columns columns;
  const auto start = read_start(out.raw, columns);
  if (!start) return start.error();
  if (wanted & kSpanColumn) wanted |= kTimeColumn | kTaskColumn;
  if (wanted & kActorColumn) wanted |= kTaskColumn;
  if (!decode_kinds(columns[kKinds], start->rows, out)) return damaged("its kinds are incomplete");
  if (wanted & kTimeColumn && !decode_times(columns[kTimes], start->ns, out)) {
    return damaged("its times make no sense");
  }
  if (wanted & kTaskColumn && !decode_tasks(columns[kTasks], start->current, out)) {
    return damaged("its tasks are incomplete");
  }
  if (wanted & kSpanColumn && !decode_spans(columns[kSpans], start->current, out)) {
    return damaged("its spans make no sense");
  }
  if (wanted & kObjectColumn && !decode_objects(columns[kObjects], out)) {
    return damaged("its objects are incomplete");
  }
  if (wanted & kSiteColumn && !decode_sites(columns[kSites], out)) {
    return damaged("its sites are incomplete");
  }
  if (wanted & kReasonColumn && !decode_reasons(columns[kReasons], out)) {
    return damaged("its reasons are incomplete");
  }
  if (wanted & kArgColumn && !decode_args(columns, out)) {
    return damaged("its arguments are incomplete");
  }
  if (wanted & kThreadColumn && !decode_threads(columns, start->current, out)) {
    return damaged("its threads are incomplete");
  }
  return {};
}

}  // namespace taskscope::store
