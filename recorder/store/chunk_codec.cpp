#include "recorder/store/chunk_codec.h"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
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

  // All bytes at once where eight can be read: how many there are is what a processor cannot guess.
  [[gnu::always_inline]] std::uint64_t varint() {
    std::uint64_t bytes = 0;
    std::uint64_t ends = 0;
    if (!peek(bytes, ends)) [[unlikely]] {
      return long_varint();
    }
    at_ += (std::countr_zero(ends) >> 3) + 1;
    return unspread(bytes, ends);
  }
  // Two of them, which is quicker: the second need not wait for where the first ends.
  [[gnu::always_inline]] std::array<std::uint64_t, 2> two_varints() {
    std::uint64_t bytes = 0;
    std::uint64_t ends = 0;
    const bool peeked = peek(bytes, ends);
    const std::uint64_t later_ends = ends & (ends - 1);
    if (!peeked || later_ends == 0) [[unlikely]] {
      const std::uint64_t first = varint();
      return {first, varint()};
    }
    const int first_bits = std::countr_zero(ends) + 1;
    at_ += (std::countr_zero(later_ends) >> 3) + 1;
    return {unspread(bytes, ends), unspread(bytes >> first_bits, later_ends >> first_bits)};
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
  // The next eight bytes, and the last bit of each that ends a varint. False if there are fewer, or
  // none of them ends one.
  bool peek(std::uint64_t& bytes, std::uint64_t& ends) const {
    static_assert(std::endian::native == std::endian::little);
    if (left() < sizeof(bytes)) return false;
    std::memcpy(&bytes, at_, sizeof(bytes));
    ends = ~bytes & 0x8080'8080'8080'8080;
    return ends != 0;
  }
  // The value of the bytes up to the first end, seven bits of each.
  static std::uint64_t unspread(std::uint64_t bytes, std::uint64_t ends) {
    bytes &= (ends ^ (ends - 1)) & 0x7f7f'7f7f'7f7f'7f7f;
    bytes = (bytes & 0x007f'007f'007f'007f) | (bytes & 0x7f00'7f00'7f00'7f00) >> 1;
    bytes = (bytes & 0x0000'3fff'0000'3fff) | (bytes & 0x3fff'0000'3fff'0000) >> 2;
    return (bytes & 0x0fff'ffff) | (bytes & 0x0fff'ffff'0000'0000) >> 4;
  }
  [[gnu::noinline]] std::uint64_t long_varint() {
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

Result<void> decompress(std::span<const std::byte> blob, ChunkColumns& out) {
  std::vector<std::byte>& raw = out.raw;
  if (out.decompressor == nullptr) out.decompressor.reset(ZSTD_createDCtx());
  const unsigned long long size = ZSTD_getFrameContentSize(blob.data(), blob.size());
  if (size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN || size > kRawBytesMax) {
    return damaged("its compressed frame is not one of ours");
  }
  raw.resize(static_cast<std::size_t>(size));
  const std::size_t written =
      ZSTD_decompressDCtx(out.decompressor.get(), raw.data(), raw.size(), blob.data(), blob.size());
  if (ZSTD_isError(written) || written != raw.size()) {
    return damaged("its compressed frame does not unpack");
  }
  return {};
}

struct ChunkStart {
  std::size_t rows = 0;
  std::int64_t ns = 0;
  CurrentTask current;
  WakerSource source;
};

Result<ChunkStart> read_start(std::span<const std::byte> raw, Columns& columns) {
  ColumnReader reader(raw);
  ChunkStart start;
  start.rows = static_cast<std::size_t>(reader.varint());
  const std::uint64_t ns = reader.varint();
  const std::uint64_t id = reader.varint();
  start.current.id = id & trace_format::kIdMask;
  start.source = WakerSource::unpack(id);
  const std::uint64_t since_ns = reader.varint();
  const std::uint64_t thread = reader.varint();
  start.current.thread_id = thread >> 1 & trace_format::kIdMask;
  start.current.id |= thread >> 1 & ~trace_format::kIdMask;
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

// The bit of a kind among those that decode_kinds() found.
constexpr std::uint64_t present_bit(EventKind kind) { return std::uint64_t{1} << code_of(kind); }

constexpr auto kKindsByCode = [] {
  std::array<EventKind, 256> kinds{};
  for (std::size_t code = 0; code < kinds.size(); ++code) {
    kinds[code] = kind_of(static_cast<std::uint8_t>(code));
  }
  return kinds;
}();

bool decode_kinds(std::span<const std::byte> column, std::size_t rows, ChunkColumns& out,
                  std::uint64_t& present) {
  if (column.size() != rows) return false;
  out.kinds.resize(rows);
  std::array<bool, 256> seen{};
  for (std::size_t i = 0; i < rows; ++i) {
    const auto code = static_cast<std::uint8_t>(column[i]);
    out.kinds[i] = kKindsByCode[code];
    seen[code] = true;
  }
  for (std::size_t code = 0; code < seen.size(); ++code) {
    present |= std::uint64_t{seen[code]} << (code & 63);
  }
  return true;
}

bool decode_times(std::span<const std::byte> column, std::int64_t ns, ChunkColumns& out) {
  ColumnReader reader(column);
  out.ns.resize(out.kinds.size());
  const std::size_t rows = out.ns.size();
  const auto passes = [&ns](std::uint64_t step) {
    if (step > static_cast<std::uint64_t>(kTimeMax - ns)) return false;
    ns += static_cast<std::int64_t>(step);
    return true;
  };
  std::size_t i = 0;
  for (; i + 1 < rows; i += 2) {
    const auto [first, second] = reader.two_varints();
    if (!passes(first)) return false;
    out.ns[i] = ns;
    if (!passes(second)) return false;
    out.ns[i + 1] = ns;
  }
  if (i < rows) {
    if (!passes(reader.varint())) return false;
    out.ns[i] = ns;
  }
  return reader.ended_well();
}

// All columns that are predicted from what the chunk has said of a task, row by row. What is not
// wanted is not read, and the predictions of what is do not need it.
class RowDecoder {
 public:
  RowDecoder(const Columns& columns, const ChunkStart& start, std::uint32_t wanted,
             ChunkColumns& out)
      : codes_(columns[kCodes]),
        tasks_(columns[kTasks]),
        spans_(columns[kSpans]),
        objects_(columns[kObjects]),
        sites_(columns[kSites]),
        reasons_(columns[kReasons]),
        args_(columns[kArgs]),
        args2_(columns[kArgs2]),
        current_(start.current),
        source_(start.source),
        wanted_(wanted),
        out_(out) {
    predictor_.begin(current_);
  }

  // What is wrong; null if nothing is.
  const char* decode() {
    const std::size_t rows = out_.kinds.size();
    out_.task_ids.resize(rows);
    if (wanted_ & kActorColumn) out_.actors.resize(rows);
    if (wanted_ & kSpanColumn) out_.span_ns.resize(rows);
    if (wanted_ & kObjectColumn) out_.object_ids.resize(rows);
    if (wanted_ & kSiteColumn) out_.site_ids.resize(rows);
    if (wanted_ & kReasonColumn) out_.reasons.resize(rows);
    if (wanted_ & kArgColumn) {
      out_.args.resize(rows);
      out_.args2.resize(rows);
    }
    if (wanted_ & kWakerColumn) out_.waker_kinds.resize(rows);
    if (!decode_rows()) return "its spans make no sense";
    if (!tasks_.ended_well()) return "its tasks are incomplete";
    if (wanted_ & kSpanColumn && !spans_.ended_well()) return "its spans make no sense";
    if (wanted_ & kObjectColumn && !objects_.ended_well()) return "its objects are incomplete";
    if (wanted_ & kSiteColumn && !sites_.ended_well()) return "its sites are incomplete";
    if (wanted_ & kReasonColumn && !reasons_.ended_well()) return "its reasons are incomplete";
    const bool args = args_.ended_well() && args2_.ended_well();
    if (wanted_ & kArgColumn && !args) return "its arguments are incomplete";
    return nullptr;
  }

 private:
  // What is wanted most often is compiled by itself.
  bool decode_rows() {
    constexpr std::uint32_t kSpans = kTimeColumn | kTaskColumn | kSpanColumn;
    switch (wanted_) {
      case kAllColumns:
        return decode_rows(kAllColumns);
      case kSpans:
        return decode_rows(kSpans);
      default:
        return decode_rows(wanted_);
    }
  }

  [[gnu::always_inline]] inline bool decode_rows(std::uint32_t wanted) {
    const std::size_t rows = out_.kinds.size();
    for (std::size_t i = 0; i < rows; ++i) {
      if (!decode_row(i, wanted)) return false;
    }
    return true;
  }

  // One branch on the kind per row instead of one for each of its fields: which kind comes next is
  // what a processor cannot guess.
  [[gnu::always_inline]] inline bool decode_row(std::size_t i, std::uint32_t wanted) {
    const EventKind kind = out_.kinds[i];
    switch (kind) {
      case EventKind::Run:
        return decode_as(EventKind::Run, i, wanted);
      case EventKind::Ready:
        return decode_as(EventKind::Ready, i, wanted);
      case EventKind::Block:
        return decode_as(EventKind::Block, i, wanted);
      case EventKind::Yield:
        return decode_as(EventKind::Yield, i, wanted);
      case EventKind::Spawn:
        return decode_as(EventKind::Spawn, i, wanted);
      case EventKind::Exit:
        return decode_as(EventKind::Exit, i, wanted);
      default:
        return decode_as(kind, i, wanted);
    }
  }

  [[gnu::always_inline]] inline bool decode_as(EventKind kind, std::size_t i,
                                               std::uint32_t wanted) {
    const auto code = static_cast<std::uint8_t>(codes_[i]);
    const std::uint8_t fields = fields_of(kind);
    TaskId task_id = 0;
    if (fields & kHasTask) {
      task_id = code & kTaskAsPredicted
                    ? predictor_.task(kind, current_)
                    : predictor_.last_task(kind, current_) + unzigzag(tasks_.varint());
      predictor_.take_task(kind, task_id, current_);
    }
    out_.task_ids[i] = task_id;
    if (wanted & kActorColumn) out_.actors[i] = current_.id;
    RowPredictor::Seen& seen = predictor_.about(kind, task_id);
    const bool stored = !(code & kRestAsPredicted);
    if (wanted & kSpanColumn && !decode_span(i, fields, stored, seen)) return false;
    if (wanted & kObjectColumn) decode_object(i, fields, stored, seen);
    if (wanted & kSiteColumn) {
      if (fields & kHasSite && stored) seen.site_id = static_cast<SiteId>(sites_.varint());
      out_.site_ids[i] = fields & kHasSite ? seen.site_id : 0;
    }
    if (wanted & kReasonColumn) {
      if (fields & kHasReason && stored) seen.reason = static_cast<BlockReason>(reasons_.byte());
      out_.reasons[i] = fields & kHasReason ? seen.reason : BlockReason::None;
    }
    if (wanted & kArgColumn) decode_arg(kind, i, stored, seen);
    if (wanted & kSpanColumn && fields & kBeginsState) {
      predictor_.begin_state(task_id, out_.ns[i]);
    }
    if (wanted & kWakerColumn) decode_waker(kind, i);
    current_.take(kind, task_id, 0, 0);
    return true;
  }

  // Of a `ready`, what ended its wait.
  [[gnu::always_inline]] inline void decode_waker(EventKind kind, std::size_t i) {
    WakerKind waker = WakerKind::None;
    if (kind == EventKind::Ready) {
      waker = current_.id != 0 ? WakerKind::Task : source_.kind();
      if (waker == WakerKind::Network && out_.reasons[i] == BlockReason::Process) {
        waker = WakerKind::Process;
      }
    }
    out_.waker_kinds[i] = waker;
    source_.take(kind, kind == EventKind::PollWake ? out_.args[i] : 0);
  }

  [[gnu::always_inline]] inline bool decode_span(std::size_t i, std::uint8_t fields, bool stored,
                                                 const RowPredictor::Seen& seen) {
    const std::int64_t ns = out_.ns[i];
    std::int64_t span_ns = kNoSpan;
    if (fields & kHasSpan) {
      span_ns = RowPredictor::span_ns(seen, ns);
      if (stored) {
        span_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(span_ns) +
                                            unzigzag(spans_.varint()));
      }
      if (span_ns < kNoSpan || span_ns > ns) return false;
    }
    out_.span_ns[i] = span_ns;
    return true;
  }

  [[gnu::always_inline]] inline void decode_object(std::size_t i, std::uint8_t fields, bool stored,
                                                   RowPredictor::Seen& seen) {
    ObjectId object_id = 0;
    if (fields & kHasObject) {
      object_id = stored ? predictor_.last_object() + unzigzag(objects_.varint()) : seen.object_id;
      predictor_.take_object(seen, object_id);
    }
    out_.object_ids[i] = object_id;
  }

  [[gnu::always_inline]] inline void decode_arg(EventKind kind, std::size_t i, bool stored,
                                                RowPredictor::Seen& seen) {
    const std::uint8_t fields = fields_of(kind);
    std::uint64_t arg = 0;
    std::uint32_t arg2 = 0;
    if (fields & kHasArg) {
      arg = stored ? predictor_.last_arg(kind) + unzigzag(args_.varint())
                   : predictor_.arg(seen, kind);
      if (stored && fields & kHasArg2) arg2 = static_cast<std::uint32_t>(args2_.varint());
      predictor_.take_arg(seen, kind, arg);
    }
    out_.args[i] = arg;
    out_.args2[i] = arg2;
  }

  std::span<const std::byte> codes_;
  ColumnReader tasks_;
  ColumnReader spans_;
  ColumnReader objects_;
  ColumnReader sites_;
  ColumnReader reasons_;
  ColumnReader args_;
  ColumnReader args2_;
  CurrentTask current_;
  WakerSource source_;
  std::uint32_t wanted_;
  ChunkColumns& out_;
  RowPredictor predictor_;
};

constexpr std::uint64_t kThreadNamingKinds = [] {
  std::uint64_t kinds = 0;
  for (unsigned code = 0; code < 64; ++code) {
    const EventKind kind = kind_of(static_cast<std::uint8_t>(code));
    if (names_thread(kind)) kinds |= present_bit(kind);
  }
  return kinds;
}();

// The thread of a row is that of its ring, unless the row or a `by` before it names another.
void find_threads(CurrentTask current, std::uint64_t present, ChunkColumns& out) {
  const std::size_t rows = out.kinds.size();
  if ((present & kThreadNamingKinds) == 0) {
    out.thread_ids.assign(rows, current.thread_id);
    return;
  }
  out.thread_ids.resize(rows);
  for (std::size_t i = 0; i < rows; ++i) {
    const EventKind kind = out.kinds[i];
    const bool named = names_thread(kind) && out.args[i] != 0;
    out.thread_ids[i] = named ? out.args[i] : current.thread_id;
    current.take(kind, 0, 0, out.args[i]);
  }
}

// Each stack is in the row before the one that it belongs to.
void find_stacks(std::uint64_t present, ChunkColumns& out) {
  const std::size_t rows = out.kinds.size();
  out.stack_ids.assign(rows, 0);
  if ((present & present_bit(EventKind::AtStack)) == 0) return;
  for (std::size_t i = 0; i + 1 < rows; ++i) {
    if (out.kinds[i] == EventKind::AtStack) out.stack_ids[i + 1] = out.args[i];
  }
}

constexpr std::uint32_t kRowColumns = kTaskColumn | kSpanColumn | kObjectColumn | kSiteColumn |
                                      kReasonColumn | kArgColumn | kWakerColumn;

// The columns that are wanted and those that they follow from.
std::uint32_t with_needed(std::uint32_t wanted, std::uint64_t present) {
  if (wanted & kThreadColumn && present & kThreadNamingKinds) wanted |= kArgColumn;
  if (wanted & kWakerColumn) {
    wanted |= kActorColumn | kReasonColumn;
    if (present & present_bit(EventKind::PollWake)) wanted |= kArgColumn;
  }
  if (wanted & kStackColumn && present & present_bit(EventKind::AtStack)) wanted |= kArgColumn;
  if (wanted & kSpanColumn) wanted |= kTimeColumn;
  if (wanted & (kRowColumns | kActorColumn)) wanted |= kTaskColumn;
  return wanted;
}

}  // namespace

void FreeDecompressor::operator()(ZSTD_DCtx_s* decompressor) const { ZSTD_freeDCtx(decompressor); }

bool has_arg(EventKind kind) { return fields_of(kind) & kHasArg; }
bool has_arg2(EventKind kind) { return fields_of(kind) & kHasArg2; }

Result<void> decode_chunk(std::span<const std::byte> blob, std::uint32_t wanted,
                          ChunkColumns& out) {
  if (auto unpacked = decompress(blob, out); !unpacked) return unpacked;
  Columns columns;
  const auto start = read_start(out.raw, columns);
  if (!start) return start.error();
  std::uint64_t present = 0;
  if (!decode_kinds(columns[kCodes], start->rows, out, present)) {
    return damaged("its kinds are incomplete");
  }
  wanted = with_needed(wanted, present);
  if (wanted & kTimeColumn && !decode_times(columns[kTimes], start->ns, out)) {
    return damaged("its times make no sense");
  }
  if (wanted & kRowColumns) {
    const char* wrong = RowDecoder(columns, *start, wanted, out).decode();
    if (wrong != nullptr) return damaged(wrong);
  }
  if (wanted & kThreadColumn) find_threads(start->current, present, out);
  if (wanted & kStackColumn) find_stacks(present, out);
  return {};
}

}  // namespace taskscope::store
