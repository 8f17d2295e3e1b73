// How a chunk is laid out: its columns, which of them a kind has, and what is predicted of the next
// value of each. Shared by the encoder and the decoder, which must agree; nobody else's business.
//
// Plain values and functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "recorder/store/chunk_codec.h"

namespace taskscope::store {

// Columns in the order of the blob. The raw bytes: varint rows, first time, who ran before the
// first row, since when, on which thread and whether for one event; then each column's length and
// the columns.
enum ChunkColumn {
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
inline constexpr std::size_t kVarintBytesMax = 10;
inline constexpr std::size_t kRawBytesMax = 4096 + kChunkRowsMax * kColumnCount * kVarintBytesMax;
inline constexpr std::int64_t kTimeMax = std::int64_t{1} << 61;

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
  set(EventKind::Exit, kHasTask | kHasSpan);
  set(EventKind::Panic, kHasTask);
  set(EventKind::Syscall, kHasTask | kHasSpan | kHasSite | kBeginsState);
  set(EventKind::SyscallEnd, kHasTask | kHasSpan | kHasSite | kBeginsState);
  set(EventKind::Preempt, kHasTask | kHasSpan | kBeginsState);
  set(EventKind::Handoff, kHasTask | kHasSpan | kHasSite | kBeginsState);
  set(EventKind::By, kHasTask | kHasArg);
  set(EventKind::WorkerStart, kHasArg);
  set(EventKind::WorkerWake, kHasArg);
  set(EventKind::Deadlock, kHasArg);
  set(EventKind::Steal, kHasTask | kHasArg | kHasArg2);
  set(EventKind::Object, kHasObject | kHasSite | kHasArg);
  set(EventKind::Capacity, kHasObject | kHasArg);
  set(EventKind::Close, kHasObject | kHasSite);
  set(EventKind::ObjectEnd, kHasObject);
  set(EventKind::SiteName, kHasSite);
  set(EventKind::TaskName, kHasTask);
  set(EventKind::Alive, kHasTask | kHasObject | kHasSite | kHasReason | kHasArg);
  set(EventKind::ObjectName, kHasObject);
  for (const EventKind kind : {EventKind::PollWake, EventKind::TimerFire, EventKind::ThreadPark,
                               EventKind::ThreadWake, EventKind::WorkerCount}) {
    set(kind, kHasArg);
  }
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
  SpanStarts() = default;
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

}  // namespace taskscope::store
