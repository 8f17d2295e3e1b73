// What a recording holds, as plain values: the narrow waist between recorder and viewer.
//
// Times are nanoseconds since the recording's start. Ids are those of the traced program, with its
// number above them (program_ids.h). Rows are copies; nothing here points into the database. Usable
// from any thread.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recorder/store/program_ids.h"
#include "runtime/trace_format/event.h"
#include "runtime/trace_format/leak_text.h"

namespace taskscope::store {

using trace_format::ArmOperation;
using trace_format::BlockReason;
using trace_format::EscapeReason;
using trace_format::EventKind;
using trace_format::GcPhase;
using trace_format::kNoWorker;
using trace_format::LeakKind;
using trace_format::ObjectId;
using trace_format::ObjectKind;
using trace_format::SiteId;
using trace_format::TaskId;
using trace_format::TimerKind;
using trace_format::WorkerId;

// What a task is doing. The first five have duration and appear as spans; a task's last state may
// be any of them or one of the two final ones.
enum class TaskState : std::uint8_t {
  Running = 0,
  Runnable = 1,  // waits for a worker
  Blocked = 2,   // waits for an object or another task; BlockReason says for what
  Syscall = 3,
  Sleeping = 4,
  Done = 5,
  Panicked = 6,
};
inline constexpr std::size_t kSpanStates = 5;
std::string_view to_text(TaskState state);  // "running", "runnable", … as in SQL
std::optional<TaskState> parse_task_state(std::string_view text);

using StateTimes = std::array<std::int64_t, kSpanStates>;  // ns, indexed by TaskState

// What ended a wait, as the order of its ring's events says.
enum class WakerKind : std::uint8_t {
  None = 0,  // nothing has, or that is not known: events were lost
  Task = 1,
  Timer = 2,
  Network = 3,  // a descriptor was ready
  Process = 4,  // another process has ended
  Thread = 5,   // one that is no worker's
};
std::string_view to_text(WakerKind kind);  // "task", "timer", … as in SQL

// One state of one task over an interval.
struct Span {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;  // of an unfinished span: the recording's end
  TaskId task_id = 0;
  TaskId woken_by = 0;     // the task that ended a Blocked span; 0: `waker_kind` says what did
  ObjectId object_id = 0;  // what a Blocked span waited for
  // The OS thread of a Running or Syscall span; 0: of other states, or not known.
  std::uint64_t thread_id = 0;
  // Where a Running or Syscall span was, kNoWorker: its task had lost its worker and went on
  // without one. Where others ended.
  WorkerId worker_id = kNoWorker;
  SiteId site_id = 0;  // where the wait or the call was written
  TaskState state = TaskState::Running;
  BlockReason reason = BlockReason::None;
  WakerKind waker_kind = WakerKind::None;
  bool finished = true;  // false: the recording ended first
  // The calls that led to a wait, as its program numbers them (`id_of` makes a StackId of it); 0:
  // not known.
  std::uint32_t own_stack_id = 0;

  friend bool operator==(const Span&, const Span&) = default;
};

// One of the programs that were recorded. Times and counts are none while it is being recorded.
struct ProgramRow {
  ProgramId id = 0;
  std::int64_t pid = 0;
  std::string name;     // path of its file
  std::string command;  // as it was started, with arguments; empty: not known
  std::int64_t started_ns = 0;
  std::optional<std::int64_t> ended_ns;
  std::string exit_status;  // "exited 0", "ended without a goodbye", …; empty: unknown
  std::uint32_t workers = 0;
  std::uint64_t tasks = 0;
  std::uint64_t events = 0;
  std::uint64_t lost_events = 0;
};

// What people call each of them: the file without its folders, and which of them it is where
// several are called alike ("worker 2").
std::vector<std::string> program_names(const std::vector<ProgramRow>& programs);

// 0: no stack. Those of samples are numbered by the recorder, behind those of the program.
using StackId = std::uint64_t;

// A file of code in a program's memory.
struct ModuleRow {
  std::uint64_t id = 0;
  std::string path;
  std::string build_id;  // hexadecimal digits; empty: it has none
  std::uint64_t bias = 0;
  std::uint64_t first = 0;
  std::uint64_t end = 0;
};

// Where a stack of calls was taken.
enum class StackKind : std::uint8_t {
  Call,    // at a spawn or block
  Sample,  // anywhere, by the timer
};
std::string_view to_text(StackKind kind);  // as in SQL

struct StackRow {
  StackId id = 0;
  StackKind kind = StackKind::Call;
  std::string addresses;  // as they came, hexadecimal, innermost first
};

// One call of a stack.
struct FrameRow {
  StackId stack_id = 0;
  std::uint32_t depth = 0;  // 0: the innermost
  SiteId site_id = 0;       // its function, file and line
  std::uint64_t address = 0;
  std::uint64_t module_id = 0;
  bool inlined = false;  // into the next one
  bool runtime = false;  // the machinery of the runtime, not the program's own code
};

// What a processor was doing at one instant.
struct SampleRow {
  std::int64_t ns = 0;
  WorkerId worker_id = kNoWorker;  // kNoWorker: the thread had none
  std::uint64_t thread_id = 0;
  TaskId task_id = 0;  // 0: the scheduler itself
  StackId stack_id = 0;
};

using LabelSetId = std::uint64_t;  // 0: no labels

// One label of a set that tasks share.
struct LabelRow {
  LabelSetId set_id = 0;
  std::string key;
  std::string value;
};

// Labels of one key, over all tasks. Not stored.
struct LabelTotals {
  std::string key;
  std::uint64_t values = 0;  // different ones
  std::uint64_t tasks = 0;
};

struct TaskRow {
  TaskId id = 0;
  std::string name;  // empty: none given
  TaskId parent_id = 0;
  SiteId spawn_site_id = 0;
  std::optional<std::int64_t> created_ns;  // unknown for tasks older than the recording
  std::optional<std::int64_t> ended_ns;    // unknown for tasks that outlived it
  TaskState state = TaskState::Runnable;   // its last
  bool state_known = true;  // false: what it did last was lost, or the recorder was killed
  StateTimes state_ns{};
  std::uint64_t wakeups = 0;
  std::uint64_t steals = 0;     // how often another worker took it from a queue, as its first
  std::string panic_message;    // of a task that panicked
  LabelSetId label_set_id = 0;  // its labels at last
  StackId spawn_stack_id = 0;   // the calls of who spawned it
};

// Tasks that wait at one place for one reason, at some moment. Not stored.
struct WaitingGroup {
  ProgramId program_id = 1;
  SiteId spawn_site_id = 0;
  SiteId wait_site_id = 0;
  BlockReason reason = BlockReason::None;
  std::uint64_t tasks = 0;
  std::int64_t longest_ns = 0;  // of their waits, so far
};

struct WorkerRow {
  WorkerId id = 0;
  std::uint64_t thread_id = 0;  // OS thread that drove it last
  std::int64_t running_ns = 0;
  std::int64_t syscall_ns = 0;
  std::int64_t spinning_ns = 0;
  std::int64_t parked_ns = 0;
  std::uint64_t events = 0;
  std::uint64_t steals = 0;
};

struct ObjectRow {
  ObjectId id = 0;
  ObjectKind kind = ObjectKind::Unknown;
  std::string name;
  SiteId site_id = 0;
  std::optional<std::uint64_t> capacity;
  std::optional<std::int64_t> created_ns;  // first announced
  std::optional<std::int64_t> destroyed_ns;
  std::uint64_t waits = 0;
  std::int64_t wait_ns = 0;
};

struct SiteRow {
  SiteId id = 0;
  std::string file;
  std::uint32_t line = 0;
  std::string function;
};

struct StealRow {
  std::int64_t ns = 0;
  WorkerId thief = 0;
  WorkerId victim = 0;
  std::uint32_t count = 0;
  TaskId task_id = 0;  // the first of them
};

// A timer that was pending when its program began to be recorded.
struct TimerRow {
  TimerKind kind = TimerKind::Unknown;
  ObjectId object_id = 0;  // what it ends waits for
  TaskId task_id = 0;      // whose wait it ends
  SiteId site_id = 0;      // where it was made
  std::int64_t told_ns = 0;
  std::int64_t due_ns = 0;
  std::int64_t period_ns = 0;  // 0: fires once
};

// One task of which its program has found out that it could never go on.
struct LeakRow {
  std::int64_t ns = 0;
  std::uint64_t group_id = 0;  // of its program; those that wait for each other have the same
  LeakKind kind = LeakKind::Leaked;
  bool proved = false;
  bool unwound = false;  // proved, and its wait was ended by force for that
  TaskId task_id = 0;
  TaskId holder_id = 0;    // who has the lock that it waits for; 0: it is no lock, or not known
  bool is_victim = false;  // it only waits for others of its group
  // Who has last given up what it waits for, when and where; 0 and empty: not known.
  TaskId dropped_by = 0;
  std::optional<std::int64_t> dropped_ns = {};
  std::string dropped_at = {};   // a source line
  std::string dropped_in = {};   // a function
  std::uint64_t held_bytes = 0;  // of memory: its stack, its closure
  // The wait.
  std::int64_t since_ns = 0;
  BlockReason reason = BlockReason::None;
  ObjectId object_id = 0;
  SiteId site_id = 0;
};

// Collections of one program's collected memory, and what they free. Numbered like objects, but
// apart from them. What is not known yet, or was lost, is none.
using GcCycleId = std::uint64_t;

struct GcCycleRow {
  GcCycleId id = 0;
  std::optional<std::int64_t> start_ns = {};
  std::optional<std::int64_t> end_ns = {};
  std::optional<bool> forced = {};                 // by the program
  std::optional<std::uint64_t> before_bytes = {};  // of the heap, when it began
  std::optional<std::uint64_t> goal_bytes = {};    // at which it was to begin
  std::optional<std::uint64_t> live_bytes = {};    // when it ended
  std::optional<std::uint64_t> live_objects = {};
  std::optional<std::uint64_t> freed_bytes = {};
  std::optional<std::uint64_t> next_goal_bytes = {};
  TaskId task_id = 0;  // that it was done by

  friend bool operator==(const GcCycleRow&, const GcCycleRow&) = default;
};

// A part of a collection. Pauses, in which no task runs, lie across the others.
struct GcPhaseRow {
  GcCycleId cycle_id = 0;
  GcPhase phase = GcPhase::Unknown;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  WorkerId worker_id = kNoWorker;  // where it was told of
  TaskId task_id = 0;

  friend bool operator==(const GcPhaseRow&, const GcPhaseRow&) = default;
};

// What became of the objects that one place in the source has made since its program began.
struct EscapeSiteRow {
  std::uint64_t id = 0;
  std::string file;
  std::uint32_t line = 0;
  std::string function;
  std::string type;
  std::uint64_t stayed = 0;   // gone with their scope
  std::uint64_t escaped = 0;  // made in a scope, and lived on
  std::uint64_t heap = 0;     // made outside of all scopes
  std::uint64_t bytes = 0;    // of all
  std::uint64_t escaped_bytes = 0;
  bool learned = false;  // its objects are made on the heap at once
  std::array<std::uint64_t, trace_format::kEscapeReasons> reasons{};

  std::uint64_t objects() const { return stayed + escaped + heap; }
  friend bool operator==(const EscapeSiteRow&, const EscapeSiteRow&) = default;
};

// Names of regions and counters, categories of logs. Numbered like objects, but apart from them.
using NameId = std::uint64_t;

struct NameRow {
  NameId id = 0;
  std::string text;
};

// A part of what a task did, as the program says.
struct RegionRow {
  TaskId task_id = 0;
  NameId name_id = 0;                    // 0: not known
  std::optional<std::int64_t> start_ns;  // unknown of one that began before the recording
  std::optional<std::int64_t> end_ns;  // unknown of one that its task, or the recording, left open
  SiteId site_id = 0;
  WorkerId worker_id = kNoWorker;  // where it ended
  std::uint8_t depth = 1;          // 1: in no other region of its task; 255: at least that

  friend bool operator==(const RegionRow&, const RegionRow&) = default;
};

struct LogRow {
  std::int64_t ns = 0;
  WorkerId worker_id = kNoWorker;
  TaskId task_id = 0;      // 0: no task's
  NameId category_id = 0;  // written only; what is read has `category`
  std::string category;
  std::string message;
};

// A number that the program says now and then. The values are none while it is being recorded.
struct CounterRow {
  NameId id = 0;
  std::string name;
  std::string unit;
  std::uint64_t samples = 0;
  std::int64_t min = 0;
  std::int64_t max = 0;
  std::int64_t last = 0;
};

struct CounterSample {
  std::int64_t ns = 0;
  NameId counter_id = 0;
  std::int64_t value = 0;
  TaskId task_id = 0;  // that changed it

  friend bool operator==(const CounterSample&, const CounterSample&) = default;
};

struct LostRow {
  WorkerId worker_id = kNoWorker;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::uint64_t events = 0;
};

// An interval in which a worker slept for want of work, or looked for some (a spin).
struct ParkRow {
  WorkerId worker_id = 0;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
};

// One event as it happened. `arg` is what is left of its arguments: the sequence number, count,
// victim, thread or worker that the event's kind says; `arg2` the second, if there are two.
struct EventRow {
  std::int64_t ns = 0;
  WorkerId worker_id = kNoWorker;
  EventKind kind{};
  ProgramId program_id = 1;
  TaskId task_id = 0;
  ObjectId object_id = 0;
  NameId name_id = 0;  // of a name, region, log or counter
  SiteId site_id = 0;
  std::uint64_t arg = 0;
  std::uint32_t arg2 = 0;

  friend bool operator==(const EventRow&, const EventRow&) = default;
};

// What is known of a chunk of events without decoding it.
struct ChunkSummary {
  std::int64_t id = 0;
  WorkerId worker_id = kNoWorker;
  std::int64_t start_ns = 0;  // earliest instant of any span or event in it
  std::int64_t end_ns = 0;    // latest
  std::uint32_t events = 0;
  std::uint32_t spans = 0;
  ProgramId program_id = 1;
  std::int64_t longest_span_ns = 0;
  StateTimes state_ns{};
};

// How far a recording under way is whole: what the recorder had taken from all rings at one moment.
// Rows that are taken later may be older than some of these, but never of the same ring or task.
struct Cut {
  struct Part {
    std::int64_t chunk = 0;
    std::uint32_t rows = 0;

    friend bool operator==(const Part&, const Part&) = default;
  };
  std::int64_t until_ns = 0;  // when that was
  std::int64_t drops = 0;     // how often chunks were dropped before; ids may have come again since
  std::int64_t last_chunk = 0;  // the highest id there was: all chunks up to it, but for these
  std::vector<Part> under_way;  // that count so many rows only, their first ones

  friend bool operator==(const Cut&, const Cut&) = default;
};
// "3100000 0 17 15:4711 17:12": until when, drops, the last chunk, the parts. As in `meta`.
std::string to_text(const Cut& cut);
std::optional<Cut> parse_cut(std::string_view text);

struct RecordingInfo {
  std::string format;  // "taskscope 4.0"
  std::string source;  // "taskscope" or "go"
  std::string program;
  std::string command;  // as it was started, with arguments
  std::string started;  // ISO 8601, UTC
  std::int64_t duration_ns = 0;
  // What is older was dropped on purpose (retention), up to a few chunks; 0: nothing was.
  std::int64_t kept_from_ns = 0;
  std::uint64_t dropped_events = 0;
  bool complete = false;    // false: the recorder was killed before it could finish
  std::string exit_status;  // "exited 0", "killed by SIGSEGV", … ; empty: unknown
  std::string ended_by;     // why the recording ended before its program did; empty: it did not
  std::uint64_t events = 0;
  std::uint64_t tasks = 0;
  std::uint32_t workers = 0;
  std::uint32_t threads = 0;
  std::uint64_t lost_events = 0;
  std::uint64_t lost_samples = 0;  // that the program could not write
  std::uint64_t findings = 0;
  std::uint64_t bytes = 0;  // of the file
  std::string notes;        // what went wrong while recording, a sentence a line; empty: nothing
  std::vector<ProgramRow> programs;  // by id
};

struct FindingRow {
  std::int64_t id = 0;
  std::string kind;      // "leak", "deadlock", "panic", …
  std::string tier;      // "proved", "predicted", "suspected"
  std::string severity;  // "info", "warning", "severe"
  std::string summary;   // one sentence with names and numbers
  std::string detail;
  TaskId task_id = 0;  // an example task
  ObjectId object_id = 0;
  SiteId spawn_site_id = 0;
  SiteId wait_site_id = 0;
  std::uint64_t count = 1;
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  // Whom it is about, as far as the check knows them, `task_id` first; at most kTasksMax; not
  // stored.
  static constexpr std::size_t kTasksMax = 10'000;
  std::vector<TaskId> task_ids = {};
  // Who has the lock that each of them waits for, where that is certain; not stored.
  struct Holder {
    TaskId task_id = 0;
    TaskId holder_id = 0;
  };
  std::vector<Holder> holders = {};
};

}  // namespace taskscope::store
