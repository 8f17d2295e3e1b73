#include "recorder/store/chunk_codec.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>

#include "runtime/base/check.h"

namespace taskscope::store {
namespace {

// Columns in the order of the blob. The raw bytes: varint rows, first time, who ran before the
// first row, since when, on which thread and whether for one event; then each column's length and
// the columns.
enum Column {
  kKinds,
  kTimes,
  kTasks,
  kSpans,
  kObjects,
  kSites,
  kReasons,
  kArgs,
  kArgs2,
  kColumnCount
};
constexpr std::size_t kVarintBytesMax = 10;
constexpr std::size_t kRawBytesMax = 4096 + kChunkRowsMax * kColumnCount * kVarintBytesMax;
constexpr std::int64_t kTimeMax = std::int64_t{1} << 61;
constexpr int kCompressionLevel = 1;

enum Field : std::uint8_t {
  kTask = 1,
  kSpan = 2,
  kObject = 4,
  kSite = 8,
  kReason = 16,
  kArg = 32,
  kArg2 = 64,
  kMoves = 128
};

// Which fields a kind has, and whether a new state of its task begins; unknown kinds have none.
constexpr auto kFieldsByKind = [] {
  std::array<std::uint8_t, 256> fields{};
  const auto set = [&fields](EventKind kind, int value) {
    fields[static_cast<std::uint8_t>(kind)] = static_cast<std::uint8_t>(value);
  };
  set(EventKind::Spawn, kTask | kSite | kMoves);
  set(EventKind::Run, kTask | kSpan | kArg | kMoves);
  set(EventKind::Yield, kTask | kSpan | kMoves);
  set(EventKind::Block, kTask | kSpan | kObject | kSite | kReason | kMoves);
  set(EventKind::Ready, kTask | kSpan | kObject | kSite | kReason | kArg | kMoves);
  set(EventKind::Exit, kTask | kSpan);
  set(EventKind::Panic, kTask);
  set(EventKind::Syscall, kTask | kSpan | kSite | kMoves);
  set(EventKind::SyscallEnd, kTask | kSpan | kSite | kMoves);
  set(EventKind::Preempt, kTask | kSpan | kMoves);
  set(EventKind::Handoff, kTask | kSpan | kSite | kMoves);
  set(EventKind::By, kTask | kArg);
  set(EventKind::WorkerStart, kArg);
  set(EventKind::WorkerWake, kArg);
  set(EventKind::Deadlock, kArg);
  set(EventKind::Steal, kTask | kArg | kArg2);
  set(EventKind::Object, kObject | kSite | kArg);
  set(EventKind::Capacity, kObject | kArg);
  set(EventKind::Close, kObject | kSite);
  set(EventKind::ObjectEnd, kObject);
  set(EventKind::SiteName, kSite);
  set(EventKind::TaskName, kTask);
  set(EventKind::ObjectName, kObject);
  for (const EventKind kind : {EventKind::PollWake, EventKind::TimerFire, EventKind::ThreadPark,
                               EventKind::ThreadWake, EventKind::WorkerCount}) {
    set(kind, kArg);
  }
  set(EventKind::QueueLength, kArg | kArg2);
  set(EventKind::Lost, kArg);
  set(EventKind::Resume, kTask | kArg | kMoves);
  for (const EventKind kind : {kEndRunnable, kCloseRunnable}) set(kind, kTask | kSpan);
  for (const EventKind kind : {kEndRunning, kCloseRunning}) set(kind, kTask | kSpan | kArg);
  for (const EventKind kind : {kEndSyscall, kCloseSyscall}) {
    set(kind, kTask | kSpan | kSite | kArg);
  }
  for (const EventKind kind : {kEndWaiting, kCloseWaiting}) {
    set(kind, kTask | kSpan | kObject | kSite | kReason);
  }
  return fields;
}();

constexpr std::uint8_t fields_of(EventKind kind) {
  return kFieldsByKind[static_cast<std::uint8_t>(kind)];
}

// Kinds that are about what runs on the ring: their task and the start of their span are implied.
constexpr auto kAboutCurrent = [] {
  std::array<bool, 256> about{};
  for (const EventKind kind :
       {EventKind::Yield, EventKind::Block, EventKind::Exit, EventKind::Syscall,
        EventKind::SyscallEnd, EventKind::Preempt, EventKind::Handoff, kEndRunning, kCloseRunning,
        kEndSyscall, kCloseSyscall}) {
    about[static_cast<std::uint8_t>(kind)] = true;
  }
  return about;
}();
constexpr bool is_about_current(EventKind kind) {
  return kAboutCurrent[static_cast<std::uint8_t>(kind)];
}

// Kinds of which an argument is a thread.
constexpr bool names_thread(EventKind kind) {
  return kind == EventKind::WorkerStart || kind == EventKind::By || kind == kEndRunning ||
         kind == kCloseRunning || kind == kEndSyscall || kind == kCloseSyscall;
}

constexpr bool has_sequence(EventKind kind) {
  return kind == EventKind::Run || kind == EventKind::Ready || kind == EventKind::Resume;
}

constexpr std::uint64_t zigzag(std::uint64_t difference) {
  return difference << 1 ^ (difference >> 63 ? ~std::uint64_t{0} : 0);
}
constexpr std::uint64_t unzigzag(std::uint64_t value) {
  return value >> 1 ^ (value & 1 ? ~std::uint64_t{0} : 0);
}

std::uint8_t* put_varint(std::uint8_t* out, std::uint64_t value) {
  while (value >= 128) {
    *out++ = static_cast<std::uint8_t>(value | 128);
    value >>= 7;
  }
  *out++ = static_cast<std::uint8_t>(value);
  return out;
}

// What the next value of each column is likely to be. The encoder and the decoder of a column make
// the same calls in the same order.
class LastTask {
 public:
  TaskId predict(EventKind kind, const CurrentTask& current) const {
    return is_about_current(kind) ? current.id : last_;
  }
  void take(EventKind kind, TaskId task_id) {
    if (!is_about_current(kind)) last_ = task_id;
  }

 private:
  TaskId last_ = 0;
};

class LastArg {
 public:
  std::uint64_t predict(EventKind kind) const { return has_sequence(kind) ? sequence_ : other_; }
  void take(EventKind kind, std::uint64_t arg) { (has_sequence(kind) ? sequence_ : other_) = arg; }

 private:
  std::uint64_t sequence_ = 0;
  std::uint64_t other_ = 0;
};

// When the states of tasks began, as far as the chunk says. Two tasks may share a place: then the
// prediction is bad, and the same when writing and when reading.
class SpanStarts {
 public:
  explicit SpanStarts(const CurrentTask& current) { starts_[place(current.id)] = current.since_ns; }

  std::uint64_t predict(TaskId task_id, std::int64_t ns) const {
    const std::int64_t start_ns = starts_[place(task_id)];
    return start_ns < 0 ? 0 : static_cast<std::uint64_t>(ns) - static_cast<std::uint64_t>(start_ns);
  }
  void begin(TaskId task_id, std::int64_t ns) { starts_[place(task_id)] = ns; }

 private:
  static constexpr std::size_t kPlaces = 1024;
  static std::size_t place(TaskId task_id) {
    return static_cast<std::size_t>(task_id & (kPlaces - 1));
  }
  std::array<std::int64_t, kPlaces> starts_ = [] {
    std::array<std::int64_t, kPlaces> starts;
    starts.fill(-1);
    return starts;
  }();
};

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
    if (fields_of(kind) & kTask) {
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
    if (fields & kSpan) {
      span_ns = static_cast<std::int64_t>(starts.predict(task_id, ns) + unzigzag(reader.varint()));
      if (span_ns < kNoSpan || span_ns > ns) return false;
    }
    out.span_ns[i] = span_ns;
    if (fields & kMoves) starts.begin(task_id, ns);
  }
  return reader.ended_well();
}

bool decode_objects(std::span<const std::byte> column, ChunkColumns& out) {
  ColumnReader reader(column);
  const std::size_t rows = out.kinds.size();
  out.object_ids.resize(rows);
  ObjectId last = 0;
  for (std::size_t i = 0; i < rows; ++i) {
    const bool has = fields_of(out.kinds[i]) & kObject;
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
    const bool has = fields_of(out.kinds[i]) & kSite;
    out.site_ids[i] = has ? static_cast<SiteId>(reader.varint()) : 0;
  }
  return reader.ended_well();
}

bool decode_reasons(std::span<const std::byte> column, ChunkColumns& out) {
  ColumnReader reader(column);
  const std::size_t rows = out.kinds.size();
  out.reasons.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const bool has = fields_of(out.kinds[i]) & kReason;
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
    if (!(fields & kArg)) continue;
    out.args[i] = last.predict(kind) + unzigzag(first.varint());
    last.take(kind, out.args[i]);
    if (fields & kArg2) out.args2[i] = static_cast<std::uint32_t>(second.varint());
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

bool has_arg(EventKind kind) { return fields_of(kind) & kArg; }
bool has_arg2(EventKind kind) { return fields_of(kind) & kArg2; }

bool closes_wait(EventKind kind) {
  return kind == EventKind::Ready || kind == kEndWaiting || kind == kCloseWaiting;
}

namespace {

constexpr bool closes_call(EventKind kind) {
  return kind == EventKind::SyscallEnd || kind == EventKind::Handoff || kind == kEndSyscall ||
         kind == kCloseSyscall;
}

}  // namespace

bool closes_placed(EventKind kind) { return closes_wait(kind) || closes_call(kind); }

TaskState closed_state(EventKind kind, BlockReason reason) {
  if (kind == EventKind::Run || kind == kEndRunnable || kind == kCloseRunnable) {
    return TaskState::Runnable;
  }
  if (closes_call(kind)) return TaskState::Syscall;
  if (!closes_wait(kind)) return TaskState::Running;
  return reason == BlockReason::Sleep ? TaskState::Sleeping : TaskState::Blocked;
}

using ColumnEnds = std::array<std::uint8_t*, kColumnCount>;

struct ChunkEncoder::Scratch {
  std::array<std::unique_ptr<std::uint8_t[]>, kColumnCount> columns;
  std::vector<std::uint8_t> raw;
  std::vector<std::byte> blob;
  std::unique_ptr<ZSTD_CCtx, decltype(&ZSTD_freeCCtx)> context{ZSTD_createCCtx(), ZSTD_freeCCtx};

  Encoded pack(const ColumnEnds& ends, std::size_t rows, std::int64_t first_ns, CurrentTask start);
};

ChunkEncoder::ChunkEncoder() : scratch_(std::make_unique<Scratch>()) {
  for (auto& column : scratch_->columns) {
    column = std::make_unique<std::uint8_t[]>(kChunkRowsMax * kVarintBytesMax);
  }
  ZSTD_CCtx_setParameter(scratch_->context.get(), ZSTD_c_compressionLevel, kCompressionLevel);
  ZSTD_CCtx_setParameter(scratch_->context.get(), ZSTD_c_checksumFlag, 1);
}
ChunkEncoder::ChunkEncoder(ChunkEncoder&&) noexcept = default;
ChunkEncoder& ChunkEncoder::operator=(ChunkEncoder&&) noexcept = default;
ChunkEncoder::~ChunkEncoder() = default;

// Puts the columns, which end at `ends`, behind their head and compresses it all.
ChunkEncoder::Encoded ChunkEncoder::Scratch::pack(const ColumnEnds& ends, std::size_t rows,
                                                  std::int64_t first_ns, CurrentTask start) {
  std::size_t total = 16 * kVarintBytesMax;
  for (std::size_t i = 0; i < kColumnCount; ++i) {
    total += static_cast<std::size_t>(ends[i] - columns[i].get());
  }
  raw.resize(total);
  std::uint8_t* out = raw.data();
  out = put_varint(out, rows);
  out = put_varint(out, static_cast<std::uint64_t>(first_ns));
  out = put_varint(out, start.id);
  out = put_varint(out, static_cast<std::uint64_t>(start.since_ns));
  out = put_varint(out, start.thread_id << 1 | std::uint64_t{start.for_one_event});
  for (std::size_t i = 0; i < kColumnCount; ++i) {
    out = put_varint(out, static_cast<std::uint64_t>(ends[i] - columns[i].get()));
  }
  for (std::size_t i = 0; i < kColumnCount; ++i) {
    out = std::copy(columns[i].get(), ends[i], out);
  }
  const auto raw_bytes = static_cast<std::size_t>(out - raw.data());
  blob.resize(ZSTD_compressBound(raw_bytes));
  const std::size_t blob_bytes =
      ZSTD_compress2(context.get(), blob.data(), blob.size(), raw.data(), raw_bytes);
  TASKSCOPE_CHECK(!ZSTD_isError(blob_bytes));
  return {{blob.data(), blob_bytes}, static_cast<std::uint32_t>(raw_bytes)};
}

ChunkEncoder::Encoded ChunkEncoder::encode(std::span<const StoredRow> rows, CurrentTask start) {
  TASKSCOPE_CHECK(!rows.empty());
  TASKSCOPE_CHECK(rows.size() <= kChunkRowsMax);
  ColumnEnds at;
  for (std::size_t i = 0; i < kColumnCount; ++i) at[i] = scratch_->columns[i].get();

  CurrentTask current = start;
  LastTask last_task;
  LastArg last_arg;
  SpanStarts starts(start);
  ObjectId last_object = 0;
  std::int64_t last_ns = rows[0].ns;
  for (const StoredRow& row : rows) {
    TASKSCOPE_DCHECK(row.ns >= last_ns);
    const std::uint8_t fields = fields_of(row.kind);
    *at[kKinds]++ = static_cast<std::uint8_t>(row.kind);
    at[kTimes] = put_varint(at[kTimes], static_cast<std::uint64_t>(row.ns - last_ns));
    last_ns = row.ns;
    if (fields & kTask) {
      at[kTasks] =
          put_varint(at[kTasks], zigzag(row.task_id - last_task.predict(row.kind, current)));
      last_task.take(row.kind, row.task_id);
    }
    if (fields & kSpan) {
      at[kSpans] = put_varint(at[kSpans], zigzag(static_cast<std::uint64_t>(row.span_ns) -
                                                 starts.predict(row.task_id, row.ns)));
    }
    if (fields & kMoves) starts.begin(row.task_id, row.ns);
    if (fields & kObject) {
      at[kObjects] = put_varint(at[kObjects], zigzag(row.object_id - last_object));
      last_object = row.object_id;
    }
    if (fields & kSite) at[kSites] = put_varint(at[kSites], row.site_id);
    if (fields & kReason) *at[kReasons]++ = static_cast<std::uint8_t>(row.reason);
    if (fields & kArg) {
      std::uint64_t arg = row.arg;
      if (fields & kArg2) {
        at[kArgs2] = put_varint(at[kArgs2], arg >> trace_format::kIdBits);
        arg &= trace_format::kIdMask;
      }
      at[kArgs] = put_varint(at[kArgs], zigzag(arg - last_arg.predict(row.kind)));
      last_arg.take(row.kind, arg);
    }
    current.take(row.kind, row.task_id, row.ns, row.arg);
  }

  return scratch_->pack(at, rows.size(), rows[0].ns, start);
}

ChunkStatistics summarize(std::span<const StoredRow> rows) {
  ChunkStatistics out;
  ChunkSummary& summary = out.summary;
  summary.start_ns = std::numeric_limits<std::int64_t>::max();
  for (const StoredRow& row : rows) {
    out.kind_mask |= kind_bit(row.kind);
    summary.events += is_event(row.kind);
    summary.end_ns = row.ns;
    if (row.span_ns == kNoSpan) {
      summary.start_ns = std::min(summary.start_ns, row.ns);
      continue;
    }
    ++summary.spans;
    summary.start_ns = std::min(summary.start_ns, row.ns - row.span_ns);
    summary.longest_span_ns = std::max(summary.longest_span_ns, row.span_ns);
    summary.state_ns[static_cast<std::size_t>(closed_state(row.kind, row.reason))] += row.span_ns;
  }
  return out;
}

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
