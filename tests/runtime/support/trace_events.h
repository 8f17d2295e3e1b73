// TraceEvents: what the rings of a run say, each event with the task that did it. For tests that
// ask for one event in particular; trace_checker.h holds whole traces against the format.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/runtime/support/trace_checker.h"

namespace taskscope::test {

struct TracedEvent {
  trace_format::WorkerId ring = 0;
  trace_format::TaskId actor = 0;  // whose event it is: the task that runs there; 0: nobody's
  trace_format::Event event;
};

class TraceEvents {
 public:
  using EventKind = trace_format::EventKind;
  using TaskId = trace_format::TaskId;

  TraceEvents() = default;
  explicit TraceEvents(const Rings& rings);

  // What happened, ring by ring, in the order of each; without the definitions of names.
  const std::vector<TracedEvent>& all() const { return events_; }
  std::vector<TracedEvent> of(EventKind kind) const;
  std::vector<TracedEvent> in(trace_format::WorkerId ring) const;
  // Events that are about task `id`: spawn, run, ready, exit, preempt, handoff.
  std::vector<TracedEvent> about(EventKind kind, TaskId id) const;
  // Events that task `actor` did.
  std::vector<TracedEvent> by(EventKind kind, TaskId actor) const;

  // The task of that name, the first if there are several; 0 if there is none.
  TaskId task(std::string_view name) const;
  std::vector<TaskId> tasks(std::string_view name) const;
  // "LINE\tFILE\tFUNCTION".
  std::string site(trace_format::SiteId id) const;
  std::string object(trace_format::ObjectId id) const;

 private:
  void take(trace_format::WorkerId ring, const trace_format::TextEvent& item);

  std::vector<TracedEvent> events_;
  std::map<TaskId, std::string> task_names_;
  std::map<trace_format::SiteId, std::string> sites_;
  std::map<trace_format::ObjectId, std::string> objects_;
  TaskId current_ = 0;  // in the ring that is being read
};

}  // namespace taskscope::test
