// How a chunk is laid out: its columns, which of them a kind has, and what is predicted of the next
// value of each. Shared by the encoder and the decoder, which must agree; nobody else's business.
//
// Plain values and functions.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "recorder/store/chunk_codec.h"

namespace taskscope::store {

// Columns in the order of the blob. The raw bytes: varint rows, first time, who ran before the
// first row (above its bits: what ended waits then, WakerSource::packed), since when, on which
// thread (above its bits: the program of who ran) and whether for one event; then each column's
// length and the columns. A byte of kCodes is a row's kind and two flags: whether its task is the
// predicted one, and whether all that its other columns would say is as predicted. Only what is not
// is stored there.
enum ChunkColumn {
  kCodes,
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
inline constexpr std::size_t kVarintBytesMax = 10;
inline constexpr std::size_t kRawBytesMax = 4096 + kChunkRowsMax * kColumnCount * kVarintBytesMax;
inline constexpr std::int64_t kTimeMax = std::int64_t{1} << 61;

inline constexpr std::uint8_t kTaskAsPredicted = 64;
inline constexpr std::uint8_t kRestAsPredicted = 128;
// Kinds in six bits: those that exist only in chunks come last.
inline constexpr std::uint8_t kFirstChunkKind = 55;
constexpr std::uint8_t code_of(EventKind kind) {
  const auto number = static_cast<std::uint8_t>(kind);
  return kind < kEndRunning ? number : static_cast<std::uint8_t>(number - 240 + kFirstChunkKind);
}
constexpr EventKind kind_of(std::uint8_t code) {
  const auto number = static_cast<std::uint8_t>(code & 63);
  return EventKind{number < kFirstChunkKind
                       ? number
                       : static_cast<std::uint8_t>(number + 240 - kFirstChunkKind)};
}

// Whether chunks hold events of that kind. What a finding says, and what collected memory does,
// stands in tables of its own.
constexpr bool is_in_chunks(EventKind kind) {
  return kind != EventKind::Finding &&
         !(kind >= EventKind::GcBegin && kind <= EventKind::EscapeSite);
}

#define TASKSCOPE_EVENT(number, name, text, id, aux) \
  static_assert((number) < kFirstChunkKind || !is_in_chunks(EventKind::name));
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_EVENT

enum ChunkField : std::uint8_t {
  kHasTask = 1,
  kHasSpan = 2,
  kHasObject = 4,
  kHasSite = 8,
  kHasReason = 16,
  kHasArg = 32,
  kHasArg2 = 64,
  kBeginsState = 128
};
inline constexpr int kHasRest = kHasSpan | kHasObject | kHasSite | kHasReason | kHasArg | kHasArg2;

// Which fields a kind has, and whether a new state of its task begins; unknown kinds have none.
inline constexpr auto kFieldsByKind = [] {
  std::array<std::uint8_t, 256> fields{};
  const auto set = [&fields](EventKind kind, int value) {
    fields[static_cast<std::uint8_t>(kind)] = static_cast<std::uint8_t>(value);
  };
  set(EventKind::Spawn, kHasTask | kHasSite | kBeginsState);
  set(EventKind::Run, kHasTask | kHasSpan | kHasArg | kBeginsState);
  set(EventKind::Yield, kHasTask | kHasSpan | kBeginsState);
  set(EventKind::Block, kHasTask | kHasSpan | kHasObject | kHasSite | kHasReason | kBeginsState);
  set(EventKind::Ready,
      kHasTask | kHasSpan | kHasObject | kHasSite | kHasReason | kHasArg | kBeginsState);
  for (const EventKind kind : {EventKind::Arm, EventKind::Chosen}) {
    set(kind, kHasTask | kHasObject | kHasArg);
  }
  set(EventKind::Exit, kHasTask | kHasSpan);
  set(EventKind::AtStack, kHasArg);
  set(EventKind::Stack, kHasArg);
  set(EventKind::Module, kHasArg);
  set(EventKind::Sample, kHasTask);
  set(EventKind::Panic, kHasTask);
  set(EventKind::Syscall, kHasTask | kHasSpan | kHasSite | kBeginsState);
  set(EventKind::SyscallEnd, kHasTask | kHasSpan | kHasSite | kBeginsState);
  set(EventKind::Preempt, kHasTask | kHasSpan | kBeginsState);
  set(EventKind::Handoff, kHasTask | kHasSpan | kHasSite | kBeginsState);
  set(EventKind::By, kHasTask | kHasArg);
  set(EventKind::WorkerStart, kHasArg);
  set(EventKind::WorkerWake, kHasArg);
  set(EventKind::Deadlock, kHasArg);
  set(EventKind::Signal, kHasArg);
  set(EventKind::Steal, kHasTask | kHasArg | kHasArg2);
  set(EventKind::Object, kHasObject | kHasSite | kHasArg);
  set(EventKind::Capacity, kHasObject | kHasArg);
  set(EventKind::Close, kHasObject | kHasSite);
  set(EventKind::ObjectEnd, kHasObject);
  set(EventKind::SiteName, kHasSite);
  set(EventKind::TaskName, kHasTask);
  set(EventKind::Alive, kHasTask | kHasObject | kHasSite | kHasReason | kHasArg);
  set(EventKind::ObjectName, kHasObject);
  set(EventKind::Snapshot, kHasTask);
  set(EventKind::Timer, kHasTask | kHasObject | kHasSite | kHasArg);
  for (const EventKind kind : {EventKind::PollWake, EventKind::TimerFire, EventKind::ThreadPark,
                               EventKind::ThreadWake, EventKind::WorkerCount}) {
    set(kind, kHasArg);
  }
  set(EventKind::Name, kHasObject);
  set(EventKind::RegionBegin, kHasTask | kHasObject | kHasSite);
  for (const EventKind kind : {EventKind::RegionEnd, kOpenRegion}) {
    set(kind, kHasTask | kHasObject | kHasSite | kHasArg | kHasArg2);
  }
  set(EventKind::Log, kHasTask | kHasObject);
  set(EventKind::Label, kHasTask | kHasArg);
  set(EventKind::Counter, kHasTask | kHasObject | kHasArg);
  set(EventKind::QueueLength, kHasArg | kHasArg2);
  set(EventKind::Lost, kHasArg);
  set(EventKind::Resume, kHasTask | kHasArg | kBeginsState);
  for (const EventKind kind : {kEndRunnable, kCloseRunnable}) set(kind, kHasTask | kHasSpan);
  for (const EventKind kind : {kEndRunning, kCloseRunning})
    set(kind, kHasTask | kHasSpan | kHasArg);
  for (const EventKind kind : {kEndSyscall, kCloseSyscall}) {
    set(kind, kHasTask | kHasSpan | kHasSite | kHasArg);
  }
  for (const EventKind kind : {kEndWaiting, kCloseWaiting}) {
    set(kind, kHasTask | kHasSpan | kHasObject | kHasSite | kHasReason);
  }
  return fields;
}();

constexpr std::uint8_t fields_of(EventKind kind) {
  return kFieldsByKind[static_cast<std::uint8_t>(kind)];
}

// Kinds that are about what runs on the ring: their task and the start of their span are implied.
inline constexpr auto kAboutCurrent = [] {
  std::array<bool, 256> about{};
  for (const EventKind kind :
       {EventKind::Yield, EventKind::Arm, EventKind::Chosen, EventKind::Block, EventKind::Exit,
        EventKind::Syscall, EventKind::SyscallEnd, EventKind::Preempt, EventKind::Handoff,
        EventKind::RegionBegin, EventKind::RegionEnd, EventKind::Log, EventKind::Counter,
        kEndRunning, kCloseRunning, kEndSyscall, kCloseSyscall}) {
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

// What a row is likely to be, from the rows before it in the chunk: whom a task wakes it has woken
// before, it waits for what it waited for before, and a span began where the chunk says. The
// encoder and the decoder make the same calls in the same order. What is remembered of a task lies
// at a place that others may share: then the prediction is bad, and equally so on both sides.
class RowPredictor {
 public:
  struct alignas(32) Seen {      // never in two cache lines
    std::int64_t start_ns = -1;  // of its state; -1: the chunk does not say
    ObjectId object_id = 0;
    TaskId woken = 0;  // whom it woke last
    SiteId site_id = 0;
    std::uint32_t sequence : trace_format::kAuxBits = 0;
    BlockReason reason = BlockReason::None;
  };
  static_assert(sizeof(Seen) == 32);

  RowPredictor() : seen_(kPlaces) {}

  void begin(const CurrentTask& current) {
    std::fill(seen_.begin(), seen_.end(), Seen{});
    seen_[place(current.id)].start_ns = current.since_ns;
    last_task_ = next_ = spawned_ = 0;
    last_object_ = 0;
    last_args_ = {};
  }

  TaskId task(EventKind kind, const CurrentTask& current) const {
    if (is_about_current(kind)) return current.id;
    switch (kind) {
      case EventKind::Run:
        return next_;
      case EventKind::Ready:
        return seen_[place(current.id)].woken;
      case EventKind::Spawn:
        return spawned_ + 1;
      default:
        return last_task_;
    }
  }
  // What a task that was not predicted is stored as the difference to.
  TaskId last_task(EventKind kind, const CurrentTask& current) const {
    return is_about_current(kind) ? current.id : last_task_;
  }
  void take_task(EventKind kind, TaskId task_id, const CurrentTask& current) {
    if (is_about_current(kind)) return;
    last_task_ = task_id;
    if (kind == EventKind::Run) {
      if (task_id == next_) next_ = 0;
    } else if (kind == EventKind::Ready) {
      seen_[place(current.id)].woken = task_id;
      next_ = task_id;
    } else if (kind == EventKind::Spawn) {
      spawned_ = task_id;
      next_ = task_id;
    }
  }

  // What the rest of the row is predicted from. A spawn is like the spawn before it; what a task
  // says about itself is like what it said before, and nothing else of it is.
  Seen& about(EventKind kind, TaskId task_id) {
    if (kind == EventKind::Spawn) return seen_[0];
    return seen_[place(names_something(kind) ? task_id + kPlaces / 2 : task_id)];
  }
  static std::int64_t span_ns(const Seen& seen, std::int64_t ns) {
    return seen.start_ns < 0 ? 0 : ns - seen.start_ns;
  }
  std::uint64_t arg(const Seen& seen, EventKind kind) const {
    return has_sequence(kind) ? (seen.sequence + 1) & trace_format::kSeqMask : last_args_[0];
  }
  void begin_state(TaskId task_id, std::int64_t ns) { seen_[place(task_id)].start_ns = ns; }
  void take_arg(Seen& seen, EventKind kind, std::uint64_t arg) {
    last_args_[has_sequence(kind)] = arg;
    if (has_sequence(kind)) seen.sequence = arg & trace_format::kSeqMask;
  }
  // What arguments and objects that were not predicted are stored as the difference to.
  std::uint64_t last_arg(EventKind kind) const { return last_args_[has_sequence(kind)]; }
  ObjectId last_object() const { return last_object_; }
  void take_object(Seen& seen, ObjectId object_id) { last_object_ = seen.object_id = object_id; }

 private:
  static constexpr std::size_t kPlaces = 1024;
  static std::size_t place(TaskId task_id) {
    return static_cast<std::size_t>(task_id & (kPlaces - 1));
  }

  std::vector<Seen> seen_;
  TaskId last_task_ = 0;  // of those that were not implied
  TaskId next_ = 0;       // made runnable last, and has not run; 0: it has
  TaskId spawned_ = 0;
  ObjectId last_object_ = 0;
  std::array<std::uint64_t, 2> last_args_{};  // the last one that was no sequence number; that was
};

}  // namespace taskscope::store
