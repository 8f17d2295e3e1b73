// A recording in memory, ready to draw: entities with their names resolved, every span packed into
// tracks per task and per worker, and the links between waits and wakers.
//
// A span takes a few bytes (track.h): what it has beyond its times and class is a number that
// stands for one of the combinations that occur, and the task that it was woken by or that it woke
// first.
//
// Built by SessionBuilder on a loader thread, immutable from then on and shared by reference count
// between the UI thread and the row-query threads. Everything here may be read from any thread. Of
// a recording under way there is one after another; they share what does not change any more, and
// a task keeps its index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "recorder/store/rows.h"
#include "recorder/store/stack_table.h"
#include "viewer/model/annotations.h"
#include "viewer/model/counter_track.h"
#include "viewer/model/decisions.h"
#include "viewer/model/group_index.h"
#include "viewer/model/growing_array.h"
#include "viewer/model/memory.h"
#include "viewer/model/samples.h"
#include "viewer/model/track.h"

namespace taskscope::viewer {

using store::TaskId;
using store::WorkerId;
using TaskIndex = std::uint32_t;  // into TraceSession::tasks()
using SpanIndex = std::uint32_t;  // into all spans of a session
inline constexpr TaskIndex kNoTask = 0xffff'ffff;
inline constexpr SpanIndex kNoSpan = 0xffff'ffff;

// What a span has beyond its times and class.
struct SpanDetail {
  std::uint32_t object = 0xffff'ffff;  // into objects(); of a span on a thread: into threads()
  TaskIndex woken_by = kNoTask;
  store::SiteId site_id = 0;
  std::uint32_t own_stack_id = 0;  // of a wait, as its program numbers it; 0: not known
  std::uint16_t worker = 0xffff;   // into workers(); 0xffff: none
  store::BlockReason reason = store::BlockReason::None;
  store::TaskState state : 4 = store::TaskState::Running;
  store::WakerKind waker_kind : 4 = store::WakerKind::None;

  bool on_thread() const {
    return state == store::TaskState::Running || state == store::TaskState::Syscall;
  }
  // The task had lost its worker and went on without one, on its own thread.
  bool workerless() const { return on_thread() && worker == 0xffff; }
};

static_assert(sizeof(SpanDetail) == 20);  // there are millions

// One of the things that a select waited for, as its track has it: empty spans whose payload it is.
struct SelectArm {
  std::uint32_t object : 30 = kNoObject;  // into objects()
  store::ArmOperation operation : 2 = store::ArmOperation::Unknown;

  static constexpr std::uint32_t kNoObject = (1u << 30) - 1;
};

// Of each task that has any, in the order of tasks.
using ArmTracks = std::vector<std::pair<TaskIndex, Track>>;

struct Task {
  store::TaskRow row;
  std::string name;   // given, or its spawn site's function, or "task"
  std::string label;  // tells it from others: "reader", "split_words 12", "server: task 7"
  SpanIndex first_span = 0;
  std::uint32_t span_count = 0;
  std::uint32_t group = 0;  // into groups()
  bool last_span_unfinished = false;
  // Payload: a number of TraceSession's details. Extra: of a wait, who ended it; of a running span,
  // whose wait it ended first; as TaskIndex + 1, 0: nobody.
  Track track;
};

// Tasks of one program and spawn site.
struct TaskGroup {
  store::SiteId spawn_site_id = 0;
  std::string label;             // "reader", "server: reader"
  std::string place;             // "main.cpp:42"
  std::vector<TaskIndex> tasks;  // in order of creation
  ClassTimes times{};            // of all members
  GroupIndex index;
};

// While an OS thread drove a worker.
struct Drive {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;  // another took over, the worker stopped, or the recording ended
  std::uint64_t thread_id = 0;
};

// When a worker had nothing to run: asleep is StateClass::Sleep, looking for work, which keeps its
// thread busy, StateClass::Running.
struct IdleTimes {
  Track track;
  std::size_t parks = 0;
  std::size_t spins = 0;
};

struct Worker {
  store::WorkerRow row;
  Track track;  // running and in calls; payload: the TaskIndex
  IdleTimes idle;
  DecisionTrack decisions;
  std::vector<Drive> drives;         // by time
  std::vector<store::LostRow> lost;  // by time
  std::vector<store::ChunkSummary> chunks;

  std::uint64_t thread_at(std::int64_t ns) const;  // 0: of none, or not known
};

// What an OS thread did, beside its class: it drove a worker (Running), slept with it or without
// one (Sleep), was in a call of a task, or ran one that had lost its worker.
struct ThreadUse {
  store::WorkerId worker = store::kNoWorker;
  TaskIndex task = kNoTask;
};

struct Thread {
  std::uint64_t id = 0;  // of the operating system
  Track track;           // payload: the worker's index + 1, 0: none; extra: TaskIndex + 1, 0: none
};

// From `ns` on the program had `count` workers.
struct WorkerCount {
  std::int64_t ns = 0;
  std::uint64_t count = 0;

  friend bool operator==(const WorkerCount&, const WorkerCount&) = default;
};

// The raw material. Spans and the scheduler's events come separately, chunk by chunk.
struct SessionEntities {
  store::RecordingInfo info;
  std::vector<store::TaskRow> tasks;
  std::vector<store::WorkerRow> workers;
  std::vector<store::ObjectRow> objects;
  std::vector<store::SiteRow> sites;
  std::vector<store::StealRow> steals;
  std::vector<store::ParkRow> parks;
  std::vector<store::ParkRow> spins;
  std::vector<store::LostRow> lost;
  std::vector<store::FindingRow> findings;
  std::vector<store::ChunkSummary> chunks;
};

enum class SessionStage : std::uint8_t {
  Overview,  // workers and chunk summaries, of a recording with too much else to wait for
  Summary,   // entities and chunk summaries; no spans yet
  Complete,
};

class TraceSession {
 public:
  TraceSession() = default;
  TraceSession(const TraceSession&) = delete;
  TraceSession& operator=(const TraceSession&) = delete;

  SessionStage stage() const { return stage_; }
  const std::string& path() const { return path_; }
  const store::RecordingInfo& info() const { return info_; }
  std::int64_t duration_ns() const { return info_.duration_ns; }
  // Names are needed only then.
  bool of_several_programs() const { return program_names_.size() > 1; }
  // "server", or "server 2" where several are called so; empty if it is not known.
  std::string program_name(store::ProgramId program) const;
  // Of the program of a task or counter: "server: ", or nothing if there is one program only.
  std::string program_prefix(std::uint64_t id) const;
  const std::vector<Task>& tasks() const { return tasks_; }
  const std::vector<Worker>& workers() const { return workers_; }
  const std::vector<TaskGroup>& groups() const { return groups_; }
  const std::vector<store::ObjectRow>& objects() const { return objects_; }
  const std::vector<store::FindingRow>& findings() const { return findings_; }
  // OS threads that drove workers or ran tasks without one, in the order in which they are met.
  const std::vector<Thread>& threads() const { return threads_; }
  // What the scheduler decided on threads that drive no worker.
  const DecisionTrack& outside() const { return outside_; }
  // Each time the number of workers was set, by time.
  const std::vector<WorkerCount>& worker_counts() const { return worker_counts_; }
  // Tasks in run queues, all queues together.
  const CounterTrack& queued() const { return queued_; }
  // Of a complete recording only: one under way has none yet.
  const Annotations& annotations() const { return annotations_; }
  // Calls that led to waits and spawns, and what processors worked on: likewise, and only if the
  // recording was to have them.
  const store::StackTable& stacks() const { return stacks_; }
  const SampleTable& samples() const { return samples_; }
  // Collections and what escaped: likewise.
  const Memory& memory() const { return memory_; }
  // Numbers of stacks(), StackTable::kNone if none is known: of a wait's detail, of a wait, of who
  // started a task.
  std::uint32_t stack_number(TaskIndex task, const SpanDetail& detail) const;
  std::uint32_t wait_stack(SpanIndex span) const;
  std::uint32_t spawn_stack(TaskIndex task) const;

  std::size_t span_count() const { return span_count_; }
  // Each of these unpacks spans of a task: not for loops over many.
  TimeRange span_range(SpanIndex span) const;
  StateClass span_class(SpanIndex span) const;
  SpanDetail span_detail(SpanIndex span) const;
  TaskIndex span_task(SpanIndex span) const;
  bool span_unfinished(SpanIndex span) const;
  // The span of a task that lies in its worker's or thread's track at `at`; kNoSpan: what the
  // thread did there was for no task.
  SpanIndex worker_span(const Worker& worker, std::size_t at) const;
  SpanIndex thread_span(const Thread& thread, std::size_t at) const;
  // Of a span's payload in a task's track, without who woke it.
  const SpanDetail& detail(std::uint32_t payload) const { return details_[payload]; }
  // Of a span in a thread's track.
  ThreadUse thread_use(std::uint32_t payload, std::uint32_t extra) const;
  std::uint64_t skipped_spans() const { return skipped_spans_; }  // damaged or of unknown tasks
  std::uint64_t cut_spans() const { return cut_spans_; }  // overlapped the span of the task before
  std::size_t packed_bytes() const { return packed_bytes_; }

  TaskIndex find_task(TaskId id) const;                         // kNoTask if there is none
  std::optional<std::uint32_t> find_worker(WorkerId id) const;  // its index
  const store::SiteRow* find_site(store::SiteId id) const;
  std::string site_text(store::SiteId id) const;  // "main.cpp:42", "unknown place"
  const store::ObjectRow* find_object(const SpanDetail& detail) const;
  std::string object_text(const SpanDetail& detail) const;  // "channel jobs", "mutex 7", ""
  std::uint64_t thread_of(const SpanDetail& detail) const;  // 0: of none, or not known
  WorkerId worker_number(const SpanDetail& detail) const;   // in its program; kNoWorker: none
  // What the select `span` waited for: "recv jobs, send channel 7, after"; of other spans "".
  std::string arms_text(SpanIndex span) const;
  // Which of these ended it; "" if none has, or if that is not known.
  std::string chosen_text(SpanIndex span) const;
  // Who ended the wait `span`: a task's label, "a timer", …, "nobody".
  std::string waker_text(SpanIndex span) const;

  // Where the wait `span` was ended from: the waker's span at that instant, or kNoSpan.
  SpanIndex waker_span(SpanIndex span) const;
  // The first wait that the task of `span` ended while in `span`, or kNoSpan.
  SpanIndex woken_span(SpanIndex span) const;

  // Time per class in equal parts of the whole recording, one after the other: `columns` of them,
  // or one for each nanosecond if that is fewer. Exact for up to a few thousand nanoseconds, else
  // to within a part of kOverviewParts.
  std::vector<ClassTimes> overview(std::size_t columns) const;
  static constexpr std::size_t kOverviewParts = 8192;

 private:
  friend class SessionBuilder;
  std::string arm_text(std::uint32_t payload) const;
  TrackSpan packed(SpanIndex span) const;
  SpanIndex find_span(TaskIndex task, const TrackSpan& on_thread) const;
  ClassTimes overview_before(std::int64_t ns) const;

  // Constant after construction.
  SessionStage stage_ = SessionStage::Summary;
  std::string path_;
  store::RecordingInfo info_;
  std::vector<std::string> program_names_;  // by id, from 1 on
  std::vector<Task> tasks_;
  // By id: those whose place does not follow from it. Empty: tasks are in the order of their ids.
  SharedArray<std::pair<TaskId, TaskIndex>> strays_;
  std::vector<Worker> workers_;
  std::vector<TaskGroup> groups_;
  std::vector<store::ObjectRow> objects_;
  std::vector<store::SiteRow> sites_;
  std::vector<Thread> threads_;
  DecisionTrack outside_;
  std::vector<WorkerCount> worker_counts_;
  CounterTrack queued_;
  Annotations annotations_;
  store::StackTable stacks_;
  SampleTable samples_;
  Memory memory_;
  std::vector<store::FindingRow> findings_;
  std::vector<store::ChunkSummary> chunks_;
  // Of all tasks, before each of equally distant instants; empty before SessionStage::Complete.
  std::vector<ClassTimes> overview_;
  double overview_part_ns_ = 0;  // the distance between them
  // Of all tracks but those of threads. shared: by the snapshots of a recording under way.
  std::shared_ptr<PackedArena> arena_ = std::make_shared<PackedArena>();
  // These are packed while the others are read. shared: the same.
  std::shared_ptr<PackedArena> thread_arena_ = std::make_shared<PackedArena>();
  PackedArena rest_;  // what a snapshot has for itself
  KeptMemory kept_;   // memory that tracks refer to
  std::size_t packed_bytes_ = 0;
  std::size_t span_count_ = 0;       // of all tasks
  SharedArray<SpanDetail> details_;  // each that occurs, once; woken_by is not among them
  ArmTracks arms_;                   // at the beginnings of the waits
  ArmTracks chosen_;                 // when the tasks ran again
  std::uint64_t skipped_spans_ = 0;
  std::uint64_t cut_spans_ = 0;
};

using SessionPtr = std::shared_ptr<const TraceSession>;  // shared: UI and query threads read it

}  // namespace taskscope::viewer
