// Turns a recording's rows into a TraceSession: first a summary from entities alone (of a large one
// before that an overview, for which workers and chunks are enough), then, when all spans were
// added, the whole. Spans are packed as they come, so that it never has all of them as rows. Of a
// recording under way it makes snapshots and goes on; what is new since the last one is what a
// snapshot costs, and something small for each task. Owned by one loader thread.
#pragma once

#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "viewer/model/part_sums.h"
#include "viewer/model/scheduler_events.h"
#include "viewer/model/session.h"

namespace taskscope::viewer {

// The combinations that span details come in, each numbered once.
class DetailTable {
 public:
  DetailTable() : index_(kSizeMin, kEmpty) {}
  // REQUIRES: detail.woken_by is kNoTask.
  std::uint32_t number_of(const SpanDetail& detail);
  SharedArray<SpanDetail> share() const { return details_.share(); }
  const SpanDetail& operator[](std::uint32_t number) const { return details_[number]; }

 private:
  static constexpr std::size_t kSizeMin = 64;  // a power of two
  static constexpr std::uint32_t kEmpty = 0xffff'ffff;
  std::uint32_t& slot_of(const SpanDetail& detail);

  GrowingArray<SpanDetail> details_;
  std::vector<std::uint32_t> index_;  // open addressing into details_, at most half full
};

class SessionBuilder {
 public:
  // Whether all there is is known, or rows are added as they are met.
  enum class Extent : std::uint8_t { Whole, Growing };
  explicit SessionBuilder(std::string path, SessionEntities entities,
                          Extent extent = Extent::Whole);
  ~SessionBuilder();
  SessionBuilder(const SessionBuilder&) = delete;
  SessionBuilder& operator=(const SessionBuilder&) = delete;

  // A session of stage Overview; the builder is used up.
  SessionPtr overview();
  // A session of stage Summary; can be called before and between add_spans.
  SessionPtr summary() const;
  // In the order of their ends; a span that begins before the task's last one ended is cut. Spans
  // of unknown tasks or with impossible times are left out. Both are counted.
  void add_spans(std::span<const store::Span> spans);
  // The scheduler's events and the arms of selects, of kSessionKinds, by time.
  void add_events(std::span<const store::EventRow> events);
  // What the program said of itself; once, at any time before finish(). Snapshots do without: to
  // keep regions in order as they come would cost a sort of all of them at each, and the complete
  // file is read as a whole anyway.
  void annotate(AnnotationRows rows);
  // Stacks of calls and samples, by time; the same holds for them.
  void add_calls(store::StackTable stacks, const std::vector<store::SampleRow>& samples);
  // What collected memory did; the same.
  void add_memory(MemoryRows rows);
  // The complete session; the builder is used up.
  SessionPtr finish();

  // The rest is for Extent::Growing. New rows, or newer ones of tasks that are there; of workers,
  // sites and programs all there are. Parks, spins and losses as they were added. False: they do
  // not fit what is there (a worker before others); all has to be read anew.
  bool add(SessionEntities more);
  bool knows_task(TaskId id) const { return find_task(id) != kNoTask; }
  bool knows_object(store::ObjectId id) const { return find_object(id).has_value(); }
  // Whether a task is there whose end is not.
  bool lives(TaskId id) const;
  // A session of stage Complete of what there is, which is all until `until_ns`. The rows of
  // threads may be those of an earlier one: they are built beside if that takes long.
  SessionPtr snapshot(std::int64_t until_ns);

 private:
  struct TaskSpans {
    TrackBuilder track;
    TaskIndex first_woken = kNoTask;  // since it last stopped running
    bool last_unfinished = false;
  };
  // While a task ran, or was in a call, without a worker.
  struct WorkerlessUse {
    TimeRange range;
    StateClass state_class;
    TaskIndex task;
    std::uint32_t thread;  // index
  };
  using ArmBuilders = std::map<TaskIndex, TrackBuilder>;

  // The tracks of threads as they were at some snapshot.
  struct ThreadTracks {
    std::vector<Thread> threads;
    // shared: by the sessions that have the tracks
    std::shared_ptr<PackedArena> arena = std::make_shared<PackedArena>();
    double seconds = 0;  // that it took
  };
  std::shared_ptr<TraceSession> make_base();
  void name_task(Task& task) const;
  void put_into_group(TaskIndex index);
  void label_group(TaskGroup& group) const;
  std::string place_label(const Task& task) const;
  void add_workers(TraceSession& session) const;
  void add_worker_times(Worker& worker, PackedArena& arena) const;
  bool add_more_workers(std::vector<store::WorkerRow> rows);
  void add_tasks(std::vector<store::TaskRow> rows);
  void add_idle_times(const SessionEntities& more);
  void share_tasks(TraceSession& session);
  void share_workers(TraceSession& session);
  void share_groups(TraceSession& session);
  void share_threads(const std::shared_ptr<TraceSession>& session);
  using ThreadUses = std::vector<std::vector<TimedUse>>;
  static ThreadTracks make_threads(const TraceSession& session,
                                   const std::vector<ThreadSleep>& sleeps, ThreadUses uses);
  static ArmTracks share_arms(const ArmBuilders& arms, TraceSession& session);
  void add_span(const store::Span& span, TaskIndex task);
  TaskIndex find_task(TaskId id) const;
  std::optional<std::uint32_t> find_object(store::ObjectId id) const;
  SpanDetail detail_of(const store::Span& span);
  void add_arm(const store::EventRow& event);
  void build_scheduler(TraceSession& session);
  ThreadUses thread_uses(const TraceSession& session) const;
  std::uint32_t thread_index(std::uint64_t thread_id);
  void finish_tasks(TraceSession& session);
  static void build_groups(TraceSession& session);
  ArmTracks finish_arms(ArmBuilders& arms);
  bool is_leaked(const Task& task, const SpanDetail& last) const;

  // Owned by the loader thread.
  std::string path_;
  SessionEntities entities_;
  DetailTable details_;
  std::vector<TaskSpans> task_spans_;
  std::vector<TrackBuilder> worker_spans_;
  std::vector<WorkerlessUse> workerless_;
  ArmBuilders arms_;
  ArmBuilders chosen_;
  std::vector<store::EventRow> events_;  // of Extent::Whole
  std::vector<TaskIndex> batch_;         // the tasks of the spans that are being added
  // shared: becomes the SessionPtr that finish() gives away.
  std::shared_ptr<TraceSession> base_;
  std::unordered_map<std::uint64_t, std::uint32_t> thread_indices_;
  std::uint64_t last_thread_id_ = 0;
  std::uint32_t last_thread_ = 0;
  WorkerId last_worker_id_ = store::kNoWorker;
  std::uint16_t last_worker_ = 0xffff;
  std::uint64_t skipped_spans_ = 0;
  std::uint64_t cut_spans_ = 0;
  std::map<std::pair<store::ProgramId, store::SiteId>, std::uint32_t> groups_;

  // Of Extent::Growing.
  Extent extent_;
  SchedulerStream scheduler_;
  std::vector<IdleBuilder> idle_;        // by worker
  std::vector<RunningSums> group_sums_;  // by group
  RunningSums all_sums_;
  std::map<TaskId, TaskIndex> strays_;  // see TraceSession
  bool strays_changed_ = false;
  std::unordered_map<store::ObjectId, std::uint32_t> stray_objects_;
  std::uint64_t lost_events_ = 0;
  ThreadTracks thread_tracks_;
  std::future<ThreadTracks> next_thread_tracks_;
  std::chrono::steady_clock::time_point next_threads_at_;
};

}  // namespace taskscope::viewer
