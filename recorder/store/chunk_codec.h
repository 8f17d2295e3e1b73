// Events and the spans they close, packed: the blob of a `chunk` row.
//
// An event closes a span: `run` ends its task's runnable span, `ready` the blocked or sleeping one,
// `yield`, `block`, `exit`, `syscall` and `preempt` the running one, `syscall-end` and `handoff`
// the one in a call. So a stored row is an event plus the length of the span that it closed, and
// both are read from the same bytes; a span that ends in another way has a row of its own that is
// no event. Rows of one chunk come from one worker's ring, in the ring's order. A blob is one zstd
// frame around one column per field. Most of a row follows from what the chunk has said of its task
// before; a column holds a value only for rows of which it does not, in variable-length integers
// (chunk_layout.h).
//
// Who runs on a ring and which thread drives it follow from the ring's own events, so neither
// wakers nor threads are stored with each row: CurrentTask and WakerSource are the one rule for
// that, used when writing and when reading. Decoding trusts nothing. No state; ChunkEncoder and
// ChunkColumns are reusable scratch for one thread at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "recorder/store/rows.h"
#include "runtime/base/result.h"

struct ZSTD_DCtx_s;

namespace taskscope::store {

inline constexpr std::size_t kChunkRowsMax = 16'384;
inline constexpr std::int64_t kNoSpan = -1;

// Kinds that exist only in chunks and never show as events: they close a span without an event.
// End: the recording ended first. Close: what closed it was lost, or is an event that closes
// another state elsewhere (a `ready` that ends a call). The argument of those about running and
// calls is the thread of a task without a worker, else 0.
inline constexpr EventKind kEndRunning{240};
inline constexpr EventKind kEndRunnable{241};
inline constexpr EventKind kEndWaiting{242};
inline constexpr EventKind kEndSyscall{243};
inline constexpr EventKind kCloseRunning{244};
inline constexpr EventKind kCloseRunnable{245};
inline constexpr EventKind kCloseWaiting{246};
inline constexpr EventKind kCloseSyscall{247};
// A region that was open when its task, or the recording, ended, or whose end was lost.
inline constexpr EventKind kOpenRegion{248};

// `at-stack` is a part of the row after it: the stack of that. The recorder puts it before rows
// that close a wait, too.
constexpr bool is_event(EventKind kind) { return kind < kEndRunning && kind != EventKind::AtStack; }
constexpr bool is_end(EventKind kind) { return kind >= kEndRunning && kind <= kEndSyscall; }
// Kinds of which the object is a name.
constexpr bool names_something(EventKind kind) {
  return (kind >= EventKind::Name && kind <= EventKind::Counter) || kind == kOpenRegion;
}
// The bit of a kind in a chunk's kind mask. Kinds from 63 on share one, but for open regions: who
// asks for regions need not read every chunk in which a recording ended.
constexpr std::uint64_t kind_bit(EventKind kind) {
  const auto number = kind == kOpenRegion ? 62 : static_cast<unsigned>(kind);
  return std::uint64_t{1} << (number < 63 ? number : 63);
}
// Whether rows of the kind carry an argument; of others it is unknown, not 0.
bool has_arg(EventKind kind);
bool has_arg2(EventKind kind);

// The state that each kind closes, if it closes one; of waits, Blocked.
inline constexpr auto kClosedStates = [] {
  std::array<TaskState, 256> states{};
  const auto set = [&states](EventKind kind, TaskState state) {
    states[static_cast<std::uint8_t>(kind)] = state;
  };
  for (const EventKind kind : {EventKind::Run, kEndRunnable, kCloseRunnable}) {
    set(kind, TaskState::Runnable);
  }
  for (const EventKind kind : {EventKind::Ready, kEndWaiting, kCloseWaiting}) {
    set(kind, TaskState::Blocked);
  }
  for (const EventKind kind :
       {EventKind::SyscallEnd, EventKind::Handoff, kEndSyscall, kCloseSyscall}) {
    set(kind, TaskState::Syscall);
  }
  return states;
}();
// Whether a span closed by the kind was a wait: blocked or sleeping.
constexpr bool closes_wait(EventKind kind) {
  return kClosedStates[static_cast<std::uint8_t>(kind)] == TaskState::Blocked;
}
// Whether a span closed by the kind has a place: that of the wait, or of the call.
constexpr bool closes_placed(EventKind kind) {
  return closes_wait(kind) || kClosedStates[static_cast<std::uint8_t>(kind)] == TaskState::Syscall;
}
// The state of the span that a row closes, if it closes one.
constexpr TaskState closed_state(EventKind kind, BlockReason reason) {
  if (reason == BlockReason::Sleep && closes_wait(kind)) return TaskState::Sleeping;
  return kClosedStates[static_cast<std::uint8_t>(kind)];
}

// The two arguments of a region's last row: how long it was, and how deep among the regions of its
// task (1: in none; 255: at least so deep).
struct RegionArgs {
  static constexpr std::int64_t kUnknown = (std::int64_t{1} << 56) - 1;

  std::int64_t length_ns = kUnknown;  // of one that began before anybody looked: kUnknown
  std::uint8_t depth = 1;

  std::uint64_t packed() const {
    const auto length = static_cast<std::uint64_t>(length_ns);
    const std::uint64_t second = std::uint64_t{depth} << 16 | (length >> trace_format::kIdBits);
    return (length & trace_format::kIdMask) | second << trace_format::kIdBits;
  }
  static RegionArgs unpack(std::uint64_t arg, std::uint32_t arg2) {
    const std::uint64_t high = arg2 & 0xffff;
    return {
        static_cast<std::int64_t>((arg & trace_format::kIdMask) | high << trace_format::kIdBits),
        static_cast<std::uint8_t>(arg2 >> 16)};
  }
};
constexpr bool ends_region(EventKind kind) {
  return kind == EventKind::RegionEnd || kind == kOpenRegion;
}

struct StoredRow {
  std::int64_t ns = 0;
  std::int64_t span_ns = kNoSpan;  // of the span it closes
  TaskId task_id = 0;
  ObjectId object_id = 0;  // of names_something() kinds, the name
  std::uint64_t arg = 0;   // of kinds that have two, pack_args of them
  SiteId site_id = 0;
  EventKind kind{};
  BlockReason reason = BlockReason::None;
  std::uint64_t stack_id = 0;  // stored as a row of its own before this one

  friend bool operator==(const StoredRow&, const StoredRow&) = default;
};

constexpr std::uint64_t pack_args(std::uint64_t first, std::uint32_t second) {
  return (first & trace_format::kIdMask) | std::uint64_t{second} << trace_format::kIdBits;
}

// The task that runs on a ring, since when it is in its state, and the thread that drives the ring,
// as the ring's events say. After a `by`, for one event: the task without a worker that it names.
struct CurrentTask {
  TaskId id = 0;
  std::int64_t since_ns = 0;
  std::uint64_t thread_id = 0;  // 0: not known
  bool for_one_event = false;

  // `thread_id` is the argument of a `worker-start` or `by`; of others it means nothing.
  void take(EventKind kind, TaskId task_id, std::int64_t ns, std::uint64_t thread) {
    switch (kind) {
      case EventKind::Run:
      case EventKind::Resume:
        id = task_id;
        since_ns = ns;
        break;
      case EventKind::Syscall:
      case EventKind::SyscallEnd:
        since_ns = ns;
        break;
      case EventKind::Yield:
      case EventKind::Block:
      case EventKind::Lost:
      case EventKind::Preempt:
      case EventKind::Handoff:
        id = 0;
        break;
      case EventKind::WorkerStart:
        thread_id = thread;
        break;
      case EventKind::By:
        *this = {task_id, ns, thread, true};
        return;
      default:
        if (task_id == id && (kind == EventKind::Exit || kind == kCloseRunning)) id = 0;
    }
    if (for_one_event && is_event(kind)) *this = {};
  }
};

// What ends the waits that a ring's `ready` events end while no task runs there: after a
// `timer-fire` the timers, until a task runs; after a `poll-wake` as many descriptors as that says.
// Else another thread, on the ring of those. After a loss nobody can tell for the next one.
class WakerSource {
 public:
  WakerSource() = default;

  // `arg` is the argument of a `poll-wake`; of others it means nothing.
  void take(EventKind kind, std::uint64_t arg) {
    switch (kind) {
      case EventKind::TimerFire:
        *this = {WakerKind::Timer, 0};
        break;
      case EventKind::PollWake:
        *this = {WakerKind::Network, arg < kPolledMax ? arg : kPolledMax};
        break;
      case EventKind::Lost:
        *this = {WakerKind::None, 1};
        break;
      case EventKind::Run:
        *this = {};
        break;
      case EventKind::Ready:
        if (left_ != 0 && --left_ == 0) *this = {};
        break;
      default:
        break;
    }
  }
  // Of a `ready` before it is taken, with no task that did it.
  WakerKind kind() const { return kind_; }

  // In the bits above those of an id: none of them set if there is nothing to say.
  std::uint64_t packed() const {
    const std::uint64_t kind = (static_cast<std::uint64_t>(kind_) + 1) % kKinds;
    return (left_ << 3 | kind) << trace_format::kIdBits;
  }
  static WakerSource unpack(std::uint64_t packed) {
    const std::uint64_t bits = packed >> trace_format::kIdBits;
    return {static_cast<WakerKind>(((bits & 7) + kKinds - 1) % kKinds), bits >> 3};
  }

 private:
  static constexpr std::uint64_t kPolledMax = (1u << 20) - 1;
  static constexpr std::uint64_t kKinds = 6;  // of which Thread, the last, is packed as 0

  WakerSource(WakerKind kind, std::uint64_t left) : kind_(kind), left_(left) {}

  WakerKind kind_ = WakerKind::Thread;
  std::uint64_t left_ = 0;  // of how many it holds; 0: until a task runs
};

// Columns to decode, as bits. Kinds are always decoded.
enum ColumnBits : std::uint32_t {
  kTimeColumn = 1,
  kTaskColumn = 2,
  kSpanColumn = 4,  // brings times and tasks
  kObjectColumn = 8,
  kSiteColumn = 16,
  kReasonColumn = 32,
  kArgColumn = 64,
  kActorColumn = 128,  // brings tasks
  kThreadColumn = 256,
  kWakerColumn = 512,  // brings actors and reasons
  kStackColumn = 1024,
  kAllColumns = 2047,
};

struct FreeDecompressor {
  void operator()(ZSTD_DCtx_s* decompressor) const;
};

// Decoded columns, each as long as `kinds` or empty if it was not asked for.
struct ChunkColumns {
  std::vector<EventKind> kinds;
  std::vector<std::int64_t> ns;
  std::vector<std::int64_t> span_ns;
  std::vector<TaskId> task_ids;
  std::vector<TaskId> actors;  // who ran on the ring when the row came; of a `ready`, the waker
  std::vector<ObjectId> object_ids;
  std::vector<SiteId> site_ids;
  std::vector<BlockReason> reasons;
  std::vector<std::uint64_t> args;        // the first of kinds that have two
  std::vector<std::uint32_t> args2;       // comes with args
  std::vector<std::uint64_t> thread_ids;  // that the row's task ran or was in a call on; 0: unknown
  std::vector<StackId> stack_ids;         // 0: none
  std::vector<WakerKind> waker_kinds;     // of a `ready`: what it was; `thread` outside only
  // Scratch.
  std::vector<std::byte> raw;
  std::unique_ptr<ZSTD_DCtx_s, FreeDecompressor> decompressor;
};

// What ended the wait that row `i` closes. Of a worker's ring, what no task did and no timer or
// descriptor either is not known.
inline WakerKind waker_at(const ChunkColumns& columns, std::size_t i, bool outside) {
  const WakerKind kind = columns.waker_kinds[i];
  return kind == WakerKind::Thread && !outside ? WakerKind::None : kind;
}

// Fails with what is wrong with the bytes; `out` is then unspecified but safe.
Result<void> decode_chunk(std::span<const std::byte> blob, std::uint32_t columns,
                          ChunkColumns& out);

}  // namespace taskscope::store
