// A recording in memory, ready to draw: entities with their names resolved, every span in sorted
// columns per task and per worker, and the links between waits and wakers.
//
// Built by SessionBuilder on a loader thread, immutable from then on and shared by reference count
// between the UI thread and the row-query threads. Everything here may be read from any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "recorder/store/rows.h"
#include "viewer/model/counter_track.h"
#include "viewer/model/group_index.h"
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
  std::uint16_t worker = 0xffff;  // 0xffff: none
  store::BlockReason reason = store::BlockReason::None;
  store::TaskState state = store::TaskState::Running;

  bool on_thread() const {
    return state == store::TaskState::Running || state == store::TaskState::Syscall;
  }
  // The task had lost its worker and went on without one, on its own thread.
  bool workerless() const { return on_thread() && worker == 0xffff; }
};

struct Task {
  store::TaskRow row;
  std::string name;   // given, or its spawn site's function, or "task"
  std::string label;  // tells it from others: "reader", "split_words 12", "task 7"
  SpanIndex first_span = 0;
  std::uint32_t span_count = 0;
  std::uint32_t group = 0;  // into groups()
  bool last_span_unfinished = false;
  Track track;
};

// Tasks of one spawn site.
struct TaskGroup {
  store::SiteId spawn_site_id = 0;
  std::string label;             // "reader"
  std::string place;             // "main.cpp:42"
  std::vector<TaskIndex> tasks;  // in order of creation
  ClassTimes times{};            // of all members
  GroupIndex index;
};

// From `ns` on an OS thread drove a worker.
struct Drive {
  std::int64_t ns = 0;
  std::uint64_t thread_id = 0;
};

struct Worker {
  store::WorkerRow row;
  std::vector<SpanIndex> spans;  // running and in calls, by start
  std::vector<std::int64_t> start_ns;
  std::vector<std::int64_t> end_ns;
  std::vector<StateClass> classes;
  Track track;
  std::vector<store::StealRow> steals;  // it took tasks, by time
  std::vector<store::ParkRow> parks;    // by time
  std::vector<store::ParkRow> spins;    // by time
  std::vector<Drive> drives;            // by time
  std::vector<store::LostRow> lost;     // by time
  std::vector<store::ChunkSummary> chunks;

  std::uint64_t thread_at(std::int64_t ns) const;  // 0: not known
};

// The raw material. `spans` come separately, chunk by chunk.
struct SessionEntities {
  store::RecordingInfo info;
  std::vector<store::TaskRow> tasks;
  std::vector<store::WorkerRow> workers;
  std::vector<store::ObjectRow> objects;
  std::vector<store::SiteRow> sites;
  std::vector<store::StealRow> steals;
  std::vector<store::ParkRow> parks;
  std::vector<store::ParkRow> spins;
  std::vector<store::EventRow> worker_starts;
  std::vector<store::EventRow> queue_lengths;
  std::vector<store::LostRow> lost;
  std::vector<store::FindingRow> findings;
  std::vector<store::ChunkSummary> chunks;
};

enum class SessionStage : std::uint8_t {
  Summary,  // entities and chunk summaries; no spans yet
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
  const std::vector<Task>& tasks() const { return tasks_; }
  const std::vector<Worker>& workers() const { return workers_; }
  const std::vector<TaskGroup>& groups() const { return groups_; }
  const std::vector<store::ObjectRow>& objects() const { return objects_; }
  const std::vector<store::FindingRow>& findings() const { return findings_; }
  // OS threads that tasks were on.
  const std::vector<std::uint64_t>& threads() const { return threads_; }
  // Tasks in run queues, all queues together.
  const CounterTrack& queued() const { return queued_; }

  std::size_t span_count() const { return start_ns_.size(); }
  TimeRange span_range(SpanIndex span) const { return {start_ns_[span], end_ns_[span]}; }
  StateClass span_class(SpanIndex span) const { return classes_[span]; }
  const SpanDetail& span_detail(SpanIndex span) const { return details_[span]; }
  TaskIndex span_task(SpanIndex span) const;
  bool span_unfinished(SpanIndex span) const;
  std::uint64_t skipped_spans() const { return skipped_spans_; }  // damaged or of unknown tasks
  std::uint64_t cut_spans() const { return cut_spans_; }          // overlapped the task's next span

  TaskIndex find_task(TaskId id) const;  // kNoTask if there is none
  const store::SiteRow* find_site(store::SiteId id) const;
  std::string site_text(store::SiteId id) const;  // "main.cpp:42", "unknown place"
  const store::ObjectRow* find_object(const SpanDetail& detail) const;
  std::string object_text(const SpanDetail& detail) const;  // "channel jobs", "mutex 7", ""
  std::uint64_t thread_of(const SpanDetail& detail) const;  // 0: of none, or not known
  // Who ended the wait `span`: "worker 3", "its timer", "the network", "nobody".
  std::string waker_text(SpanIndex span) const;

  // Where the wait `span` was ended from: the waker's span at that instant, or kNoSpan.
  SpanIndex waker_span(SpanIndex span) const;
  // The first wait that the task of `span` ended while in `span`, or kNoSpan.
  SpanIndex woken_span(SpanIndex span) const;

  // Time per class in `columns` equal parts of the whole recording, column by column.
  std::vector<ClassTimes> overview(std::size_t columns) const;

 private:
  friend class SessionBuilder;

  // Constant after construction.
  SessionStage stage_ = SessionStage::Summary;
  std::string path_;
  store::RecordingInfo info_;
  std::vector<Task> tasks_;
  std::vector<Worker> workers_;
  std::vector<TaskGroup> groups_;
  std::vector<store::ObjectRow> objects_;
  std::vector<store::SiteRow> sites_;
  std::vector<std::uint64_t> threads_;
  CounterTrack queued_;
  std::vector<store::FindingRow> findings_;
  std::vector<store::ChunkSummary> chunks_;
  std::vector<std::int64_t> start_ns_;  // of all spans, task by task
  std::vector<std::int64_t> end_ns_;
  std::vector<StateClass> classes_;
  std::vector<SpanDetail> details_;
  std::vector<std::uint32_t> wakes_begin_;  // per task, into wakes_
  std::vector<SpanIndex> wakes_;            // waits each task ended, by their end
  std::uint64_t skipped_spans_ = 0;
  std::uint64_t cut_spans_ = 0;
};

using SessionPtr = std::shared_ptr<const TraceSession>;  // shared: UI and query threads read it

}  // namespace taskscope::viewer
