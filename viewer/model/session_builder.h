// Turns a recording's rows into a TraceSession: first a summary from entities alone (of a large one
// before that an overview, for which workers and chunks are enough), then, when all spans were
// added, the whole. Spans are packed as they come, so that it never has all of them as rows. Owned
// by one loader thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "viewer/model/session.h"

namespace taskscope::viewer {

// The combinations that span details come in, each numbered once.
class DetailTable {
 public:
  DetailTable() : index_(kSizeMin, kEmpty) {}
  // REQUIRES: detail.woken_by is kNoTask.
  std::uint32_t number_of(const SpanDetail& detail);
  std::vector<SpanDetail> take() { return std::move(details_); }

 private:
  static constexpr std::size_t kSizeMin = 64;  // a power of two
  static constexpr std::uint32_t kEmpty = 0xffff'ffff;
  std::uint32_t& slot_of(const SpanDetail& detail);

  std::vector<SpanDetail> details_;
  std::vector<std::uint32_t> index_;  // open addressing into details_, at most half full
};

class SessionBuilder {
 public:
  SessionBuilder(std::string path, SessionEntities entities);

  // A session of stage Overview; the builder is used up.
  SessionPtr overview();
  // A session of stage Summary; can be called before and between add_spans.
  SessionPtr summary() const;
  // In the order of their ends; a span that begins before the task's last one ended is cut. Spans
  // of unknown tasks or with impossible times are left out. Both are counted.
  void add_spans(std::span<const store::Span> spans);
  // The scheduler's events and the arms of selects, of kSessionKinds, by time.
  void add_events(std::span<const store::EventRow> events);
  // The complete session; the builder is used up.
  SessionPtr finish();

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

  std::shared_ptr<TraceSession> make_base();
  void add_workers(TraceSession& session) const;
  void add_worker_times(Worker& worker, PackedArena& arena) const;
  void add_span(const store::Span& span, TaskIndex task);
  std::optional<std::uint32_t> find_object(store::ObjectId id) const;
  SpanDetail detail_of(const store::Span& span);
  void add_arm(const store::EventRow& event);
  void build_scheduler(TraceSession& session);
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
  std::vector<store::EventRow> events_;
  std::vector<TaskIndex> batch_;  // the tasks of the spans that are being added
  // shared: becomes the SessionPtr that finish() gives away.
  std::shared_ptr<TraceSession> base_;
  std::unordered_map<std::uint64_t, std::uint32_t> thread_indices_;
  std::uint64_t last_thread_id_ = 0;
  std::uint32_t last_thread_ = 0;
  WorkerId last_worker_id_ = store::kNoWorker;
  std::uint16_t last_worker_ = 0xffff;
  std::uint64_t skipped_spans_ = 0;
  std::uint64_t cut_spans_ = 0;
};

}  // namespace taskscope::viewer
