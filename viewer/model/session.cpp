#include "viewer/model/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "viewer/model/format.h"

namespace taskscope::viewer {

TrackSpan TraceSession::packed(SpanIndex span) const {
  const Task& task = tasks_[span_task(span)];
  return task.track[span - task.first_span];
}

TimeRange TraceSession::span_range(SpanIndex span) const {
  const TrackSpan at = packed(span);
  return {at.start_ns, at.end_ns};
}

StateClass TraceSession::span_class(SpanIndex span) const { return packed(span).state_class; }

SpanDetail TraceSession::span_detail(SpanIndex span) const {
  const TrackSpan at = packed(span);
  SpanDetail detail = details_[at.payload];
  if (!detail.on_thread() && at.extra != 0) detail.woken_by = at.extra - 1;
  return detail;
}

// An empty span of a worker is one of several that the task may have at that instant.
SpanIndex TraceSession::find_span(TaskIndex task, const TrackSpan& on_thread) const {
  const Track& track = tasks_[task].track;
  const std::size_t at = on_thread.length_ns() > 0 ? track.span_at(on_thread.start_ns)
                                                   : track.first_starting_at(on_thread.start_ns);
  return at < track.size() ? tasks_[task].first_span + static_cast<SpanIndex>(at) : kNoSpan;
}

SpanIndex TraceSession::worker_span(const Worker& worker, std::size_t at) const {
  const TrackSpan span = worker.track[at];
  return find_span(span.payload, span);
}

SpanIndex TraceSession::thread_span(const Thread& thread, std::size_t at) const {
  const TrackSpan span = thread.track[at];
  return span.extra == 0 ? kNoSpan : find_span(span.extra - 1, span);
}

ThreadUse TraceSession::thread_use(std::uint32_t payload, std::uint32_t extra) const {
  return {.worker = payload == 0 ? store::kNoWorker : workers_[payload - 1].row.id,
          .task = extra == 0 ? kNoTask : extra - 1};
}

TaskIndex TraceSession::span_task(SpanIndex span) const {
  const auto after =
      std::upper_bound(tasks_.begin(), tasks_.end(), span,
                       [](SpanIndex value, const Task& task) { return value < task.first_span; });
  return static_cast<TaskIndex>(after - tasks_.begin() - 1);
}

bool TraceSession::span_unfinished(SpanIndex span) const {
  const Task& task = tasks_[span_task(span)];
  return task.last_span_unfinished && span + 1 == task.first_span + task.span_count;
}

std::string TraceSession::program_name(store::ProgramId program) const {
  return program <= program_names_.size() ? program_names_[program - 1] : std::string();
}

std::string TraceSession::program_prefix(std::uint64_t id) const {
  return of_several_programs() ? program_name(store::program_of(id)) + ": " : std::string();
}

std::uint32_t TraceSession::stack_number(TaskIndex task, const SpanDetail& detail) const {
  if (detail.own_stack_id == 0) return store::StackTable::kNone;
  return stacks_.number_of(
      store::id_of(store::program_of(tasks_[task].row.id), detail.own_stack_id));
}

std::uint32_t TraceSession::wait_stack(SpanIndex span) const {
  return stack_number(span_task(span), span_detail(span));
}

std::uint32_t TraceSession::spawn_stack(TaskIndex task) const {
  const store::StackId id = tasks_[task].row.spawn_stack_id;
  return id == 0 ? store::StackTable::kNone : stacks_.number_of(id);
}

TaskIndex TraceSession::find_task(TaskId id) const {
  if (id == 0) return kNoTask;
  // Ids count from 1 without holes unless events were lost.
  if (id <= tasks_.size() && tasks_[id - 1].row.id == id) return static_cast<TaskIndex>(id - 1);
  if (!strays_.empty()) {
    const auto* at = std::lower_bound(strays_.begin(), strays_.end(), std::pair(id, TaskIndex{0}));
    return at == strays_.end() || at->first != id ? kNoTask : at->second;
  }
  const auto at =
      std::lower_bound(tasks_.begin(), tasks_.end(), id,
                       [](const Task& task, TaskId value) { return task.row.id < value; });
  if (at == tasks_.end() || at->row.id != id) return kNoTask;
  return static_cast<TaskIndex>(at - tasks_.begin());
}

std::optional<std::uint32_t> TraceSession::find_worker(WorkerId id) const {
  const auto at =
      std::lower_bound(workers_.begin(), workers_.end(), id,
                       [](const Worker& worker, WorkerId value) { return worker.row.id < value; });
  if (at == workers_.end() || at->row.id != id) return std::nullopt;
  return static_cast<std::uint32_t>(at - workers_.begin());
}

const store::SiteRow* TraceSession::find_site(store::SiteId id) const {
  const auto at = std::lower_bound(
      sites_.begin(), sites_.end(), id,
      [](const store::SiteRow& site, store::SiteId value) { return site.id < value; });
  return at != sites_.end() && at->id == id && id != 0 ? &*at : nullptr;
}

std::string TraceSession::site_text(store::SiteId id) const {
  const store::SiteRow* site = find_site(id);
  return site == nullptr ? "unknown place" : format_site(site->file, site->line);
}

const store::ObjectRow* TraceSession::find_object(const SpanDetail& detail) const {
  if (detail.on_thread()) return nullptr;
  return detail.object < objects_.size() ? &objects_[detail.object] : nullptr;
}

std::uint64_t TraceSession::thread_of(const SpanDetail& detail) const {
  return detail.on_thread() && detail.object < threads_.size() ? threads_[detail.object].id : 0;
}

WorkerId TraceSession::worker_number(const SpanDetail& detail) const {
  return detail.worker < workers_.size() ? store::own_worker_id(workers_[detail.worker].row.id)
                                         : store::kNoWorker;
}

std::uint64_t Worker::thread_at(std::int64_t ns) const {
  const auto after =
      std::upper_bound(drives.begin(), drives.end(), ns,
                       [](std::int64_t at, const Drive& drive) { return at < drive.start_ns; });
  return after == drives.begin() || (after - 1)->end_ns <= ns ? 0 : (after - 1)->thread_id;
}

std::string TraceSession::object_text(const SpanDetail& detail) const {
  const store::ObjectRow* object = find_object(detail);
  if (object == nullptr) return "";
  const std::string_view kind = trace_format::to_text(object->kind);
  return object->name.empty() ? fmt::format("{} {}", kind, store::own_id(object->id))
                              : fmt::format("{} {}", kind, object->name);
}

namespace {

const Track* track_of(const ArmTracks& tracks, TaskIndex task) {
  const auto at =
      std::lower_bound(tracks.begin(), tracks.end(), task,
                       [](const auto& entry, TaskIndex value) { return entry.first < value; });
  return at != tracks.end() && at->first == task ? &at->second : nullptr;
}

}  // namespace

std::string TraceSession::arm_text(std::uint32_t payload) const {
  const auto arm = std::bit_cast<SelectArm>(payload);
  std::string text(to_text(arm.operation));
  if (arm.object >= objects_.size()) return text;
  const store::ObjectRow& object = objects_[arm.object];
  return text + (object.name.empty()
                     ? fmt::format(" {} {}", to_text(object.kind), store::own_id(object.id))
                     : ' ' + object.name);
}

std::string TraceSession::arms_text(SpanIndex span) const {
  if (span_detail(span).reason != store::BlockReason::Select) return "";
  const Track* arms = track_of(arms_, span_task(span));
  if (arms == nullptr) return "";
  const std::int64_t ns = span_range(span).start_ns;
  TrackReader reader(*arms);
  std::string text;
  for (std::size_t at = reader.first_starting_at(ns); at < arms->size(); ++at) {
    if (reader[at].start_ns != ns) break;
    if (!text.empty()) text += ", ";
    text += arm_text(reader[at].payload);
  }
  return text;
}

std::string TraceSession::chosen_text(SpanIndex span) const {
  if (span_detail(span).reason != store::BlockReason::Select || span_unfinished(span)) return "";
  const TaskIndex task = span_task(span);
  const Track* chosen = track_of(chosen_, task);
  if (chosen == nullptr) return "";
  const TimeRange range = span_range(span);
  const std::size_t at = chosen->first_starting_at(range.end_ns);
  if (at == chosen->size()) return "";
  const TrackSpan found = (*chosen)[at];
  // It may be of a later select, if this one's was lost.
  if (const Track* arms = track_of(arms_, task)) {
    const std::size_t next = arms->first_starting_at(range.start_ns + 1);
    if (next < arms->size() && arms->start_ns(next) <= found.start_ns) return "";
  }
  return arm_text(found.payload);
}

std::string TraceSession::waker_text(SpanIndex span) const {
  const SpanDetail detail = span_detail(span);
  if (detail.woken_by != kNoTask) return tasks_[detail.woken_by].label;
  if (span_unfinished(span)) return "nobody";
  switch (detail.waker_kind) {
    case store::WakerKind::Task:
      return "a task that the recording does not have";
    case store::WakerKind::Timer:
      return "a timer";
    case store::WakerKind::Network:
      return "the network";
    case store::WakerKind::Process:
      return "the end of the process";
    case store::WakerKind::Thread:
      return "a thread that is no worker's";
    case store::WakerKind::None:
      break;
  }
  return "not known: events were lost";
}

SpanIndex TraceSession::waker_span(SpanIndex span) const {
  const TaskIndex waker = span_detail(span).woken_by;
  if (waker == kNoTask) return kNoSpan;
  const Task& task = tasks_[waker];
  const std::int64_t ns = span_range(span).end_ns;
  // A wake-up at the very instant at which the waker stops running belongs to that run.
  TrackReader reader(task.track);
  std::size_t at = reader.first_ending_after(ns - 1);
  if (at < reader.size() &&
      (reader[at].start_ns > ns || reader[at].state_class != StateClass::Running)) {
    at = task.track.span_at(ns);
  }
  return at < reader.size() ? task.first_span + static_cast<SpanIndex>(at) : kNoSpan;
}

SpanIndex TraceSession::woken_span(SpanIndex span) const {
  const TrackSpan running = packed(span);
  if (running.state_class != StateClass::Running || running.extra == 0) return kNoSpan;
  const Task& woken = tasks_[running.extra - 1];
  TrackReader reader(woken.track);
  for (std::size_t at = reader.first_ending_after(running.start_ns); at < reader.size(); ++at) {
    const TrackSpan& wait = reader[at];
    if (wait.start_ns > running.end_ns) break;
    const bool by_it = !details_[wait.payload].on_thread() && wait.extra == span_task(span) + 1;
    if (by_it && wait.end_ns <= running.end_ns)
      return woken.first_span + static_cast<SpanIndex>(at);
  }
  return kNoSpan;
}

// Between two known instants as if all were evenly spread.
ClassTimes TraceSession::overview_before(std::int64_t ns) const {
  const double exact = static_cast<double>(ns) / overview_part_ns_;
  const auto at = std::min(static_cast<std::size_t>(exact), overview_.size() - 1);
  ClassTimes times = overview_[at];
  if (at + 1 == overview_.size()) return times;
  const double part = exact - static_cast<double>(at);
  for (std::size_t c = 0; c < kStateClasses; ++c) {
    times[c] += std::llround(part * static_cast<double>(overview_[at + 1][c] - times[c]));
  }
  return times;
}

std::vector<ClassTimes> TraceSession::overview(std::size_t columns) const {
  if (duration_ns() > 0) {
    columns = std::min(columns, static_cast<std::size_t>(duration_ns()));
  }
  std::vector<ClassTimes> parts(columns);
  if (columns == 0 || duration_ns() <= 0) return parts;
  const ColumnGrid grid{static_cast<double>(duration_ns()) / static_cast<double>(columns)};
  if (!overview_.empty()) {
    ClassTimes before{};
    for (std::size_t at = 0; at < columns; ++at) {
      const ClassTimes until = overview_before(grid.left_ns(static_cast<std::int64_t>(at) + 1));
      for (std::size_t c = 0; c < kStateClasses; ++c) parts[at][c] = until[c] - before[c];
      before = until;
    }
    return parts;
  }
  // Until the spans are there: each chunk's times, spread evenly over the chunk.
  for (const store::ChunkSummary& chunk : chunks_) {
    const ClassTimes times = approximate_class_times(chunk.state_ns);
    const double length =
        static_cast<double>(std::max<std::int64_t>(chunk.end_ns - chunk.start_ns, 1));
    const auto limit = static_cast<std::int64_t>(columns) - 1;
    const auto first = std::clamp<std::int64_t>(grid.column_of(chunk.start_ns), 0, limit);
    const auto last = std::clamp<std::int64_t>(grid.column_of(chunk.end_ns), 0, limit);
    for (std::int64_t at = first; at <= last; ++at) {
      const std::int64_t from = std::max(grid.left_ns(at), chunk.start_ns);
      const std::int64_t to = std::min(grid.left_ns(at + 1), chunk.end_ns);
      const double share = static_cast<double>(std::max<std::int64_t>(to - from, 0)) / length;
      for (std::size_t c = 0; c < kStateClasses; ++c) {
        parts[static_cast<std::size_t>(at)][c] +=
            static_cast<std::int64_t>(share * static_cast<double>(times[c]));
      }
    }
  }
  return parts;
}

}  // namespace taskscope::viewer
