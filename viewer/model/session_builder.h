// Turns a recording's rows into a TraceSession: first a summary from entities alone (of a large one
// before that an overview, for which workers and chunks are enough), then, when every chunk's spans
// were added, the whole. Owned by one loader thread.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "viewer/model/session.h"

namespace taskscope::viewer {

class SessionBuilder {
 public:
  SessionBuilder(std::string path, SessionEntities entities);

  // A session of stage Overview; the builder is used up.
  SessionPtr overview();
  // A session of stage Summary; can be called before and between add_spans.
  SessionPtr summary() const;
  // In any order. Spans of unknown tasks or with impossible times are counted and left out.
  void add_spans(std::span<const store::Span> spans);
  // The scheduler's events, of kSchedulerKinds (scheduler_events.h), in any order.
  void add_events(std::span<const store::EventRow> events);
  // The complete session; the builder is used up.
  SessionPtr finish();

 private:
  struct RawSpan {
    std::int64_t start_ns;
    std::int64_t end_ns;
    TaskIndex task;
    SpanDetail detail;
    StateClass state_class;
    bool unfinished;
  };
  struct Arrival {
    std::int64_t start_ns;
    std::uint32_t batch;  // into batches_
    std::uint32_t at;     // in the batch
  };
  std::shared_ptr<TraceSession> make_base() const;
  void add_worker_times(Worker& worker) const;
  void build_scheduler(TraceSession& session, const std::vector<SpanIndex>& order);
  std::vector<SelectArm> arms(const TraceSession& session, std::vector<store::ArmRow>& rows) const;
  std::uint32_t thread_index(std::uint64_t thread_id);
  std::vector<Arrival> arrivals_by_start() const;
  // Returns all spans by start; every list that follows from it needs no sorting of its own.
  std::vector<SpanIndex> sort_into_tasks(TraceSession& session);
  // Overlap can only come from damage; cutting it keeps one state at a time.
  static void cut_overlaps(TraceSession& session);
  static void build_workers(TraceSession& session, const std::vector<SpanIndex>& order);
  static void build_groups(TraceSession& session);
  static void build_wakes(TraceSession& session, const std::vector<SpanIndex>& order);
  void mark_leaked(TraceSession& session) const;

  // Owned by the loader thread.
  std::string path_;
  SessionEntities entities_;
  std::vector<std::vector<RawSpan>> batches_;
  std::vector<std::uint32_t> counts_;  // spans per task
  std::vector<store::EventRow> events_;
  // shared: becomes the SessionPtr that finish() gives away.
  std::shared_ptr<TraceSession> base_;
  std::unordered_map<std::uint64_t, std::uint32_t> thread_indices_;
  std::uint64_t skipped_spans_ = 0;
};

}  // namespace taskscope::viewer
