#include "tests/runtime/support/trace_events.h"

#include <utility>

namespace taskscope::test {
namespace tf = trace_format;

TraceEvents::TraceEvents(const Rings& rings) {
  for (const auto& [ring, events] : rings) {
    current_ = 0;
    for (const tf::TextEvent& item : events) take(ring, item);
  }
}

void TraceEvents::take(tf::WorkerId ring, const tf::TextEvent& item) {
  const tf::Event& event = item.event;
  TaskId actor = current_;
  switch (event.kind) {
    case EventKind::TaskName:
      task_names_[event.id] = item.text;
      return;
    case EventKind::SiteName:
      sites_[static_cast<tf::SiteId>(event.id)] = item.text;
      return;
    case EventKind::ObjectName:
      objects_[event.id] = item.text;
      return;
    case EventKind::Object:
    case EventKind::Capacity:
      return;
    case EventKind::By:  // holds for one event
      current_ = event.id;
      return;
    case EventKind::Run:
      current_ = actor = event.id;
      break;
    case EventKind::Yield:
    case EventKind::Block:
    case EventKind::Exit:
    case EventKind::Preempt:
    case EventKind::Handoff:
      current_ = 0;
      break;
    default:
      break;
  }
  if (ring == tf::kNoWorker) current_ = 0;
  events_.push_back({ring, actor, event});
}

namespace {

template <class Wanted>
std::vector<TracedEvent> filter(const std::vector<TracedEvent>& events, Wanted wanted) {
  std::vector<TracedEvent> found;
  for (const TracedEvent& event : events) {
    if (wanted(event)) found.push_back(event);
  }
  return found;
}

}  // namespace

std::vector<TracedEvent> TraceEvents::of(EventKind kind) const {
  return filter(events_, [&](const TracedEvent& e) { return e.event.kind == kind; });
}

std::vector<TracedEvent> TraceEvents::in(tf::WorkerId ring) const {
  return filter(events_, [&](const TracedEvent& e) { return e.ring == ring; });
}

std::vector<TracedEvent> TraceEvents::about(EventKind kind, TaskId id) const {
  return filter(events_,
                [&](const TracedEvent& e) { return e.event.kind == kind && e.event.id == id; });
}

std::vector<TracedEvent> TraceEvents::by(EventKind kind, TaskId actor) const {
  return filter(events_,
                [&](const TracedEvent& e) { return e.event.kind == kind && e.actor == actor; });
}

std::vector<trace_format::TaskId> TraceEvents::tasks(std::string_view name) const {
  std::vector<TaskId> found;
  for (const auto& [id, text] : task_names_) {
    if (text == name) found.push_back(id);
  }
  return found;
}

trace_format::TaskId TraceEvents::task(std::string_view name) const {
  const std::vector<TaskId> found = tasks(name);
  return found.empty() ? 0 : found.front();
}

std::string TraceEvents::site(tf::SiteId id) const {
  const auto found = sites_.find(id);
  return found == sites_.end() ? "" : found->second;
}

std::string TraceEvents::object(tf::ObjectId id) const {
  const auto found = objects_.find(id);
  return found == objects_.end() ? "" : found->second;
}

}  // namespace taskscope::test
