#include "viewer/model/session_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <thread>
#include <tuple>
#include <utility>

#include "runtime/base/check.h"
#include "viewer/model/format.h"
#include "viewer/model/radix_sort.h"
#include "viewer/model/scheduler_events.h"

namespace taskscope::viewer {
namespace {

// The function that a place is in, short; empty if it is unknown or a lambda, whose name
// ("operator()") says nothing.
std::string site_function(const TraceSession& session, store::SiteId id) {
  const store::SiteRow* site = session.find_site(id);
  if (site == nullptr || site->function.find("operator()") != std::string::npos) return "";
  return shortened_names(site->function).back();
}

std::string task_name(const TraceSession& session, const store::TaskRow& row) {
  if (!row.name.empty()) return row.name;
  if (store::own_id(row.id) == 1) return "main";
  std::string function = site_function(session, row.spawn_site_id);
  return function.empty() ? "task" : function;
}

// Its place in the rows, which are in the order of their ids.
std::optional<std::uint32_t> find_object(const std::vector<store::ObjectRow>& objects,
                                         store::ObjectId id) {
  const auto at =
      std::lower_bound(objects.begin(), objects.end(), id,
                       [](const store::ObjectRow& row, store::ObjectId of) { return row.id < of; });
  if (at == objects.end() || at->id != id) return std::nullopt;
  return static_cast<std::uint32_t>(at - objects.begin());
}

}  // namespace

SessionBuilder::SessionBuilder(std::string path, SessionEntities entities)
    : path_(std::move(path)), entities_(std::move(entities)) {
  const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::sort(entities_.tasks.begin(), entities_.tasks.end(), by_id);
  std::sort(entities_.workers.begin(), entities_.workers.end(), by_id);
  std::sort(entities_.objects.begin(), entities_.objects.end(), by_id);
  std::sort(entities_.sites.begin(), entities_.sites.end(), by_id);
  counts_.resize(entities_.tasks.size());
  base_ = make_base();
}

// What happened on a worker beside its spans.
void SessionBuilder::add_worker_times(Worker& worker) const {
  const auto take = [&](const auto& from, auto& to) {
    std::copy_if(from.begin(), from.end(), std::back_inserter(to),
                 [&](const auto& row) { return row.worker_id == worker.row.id; });
    std::stable_sort(to.begin(), to.end(),
                     [](const auto& a, const auto& b) { return a.start_ns < b.start_ns; });
  };
  std::vector<store::ParkRow> parks;
  std::vector<store::ParkRow> spins;
  take(entities_.parks, parks);
  take(entities_.spins, spins);
  worker.idle = make_idle_times(parks, spins);
  take(entities_.lost, worker.lost);
  take(entities_.chunks, worker.chunks);
}

// In the order of their tasks and times; those of one wait as they were written. Uses up the rows.
std::vector<SelectArm> SessionBuilder::arms(const TraceSession& session,
                                            std::vector<store::ArmRow>& rows) const {
  std::vector<SelectArm> arms;
  arms.reserve(rows.size());
  for (const store::ArmRow& row : rows) {
    const TaskIndex task = session.find_task(row.task_id);
    if (task == kNoTask) continue;
    SelectArm arm{.ns = row.ns, .task = task};
    const auto object = find_object(session.objects_, row.object_id);
    arm.object = object.value_or(SelectArm::kNoObject) & SelectArm::kNoObject;
    arm.operation = row.operation;
    arms.push_back(arm);
  }
  std::stable_sort(arms.begin(), arms.end(), [](const SelectArm& a, const SelectArm& b) {
    return std::tie(a.task, a.ns) < std::tie(b.task, b.ns);
  });
  std::vector<store::ArmRow>().swap(rows);
  return arms;
}

std::shared_ptr<TraceSession> SessionBuilder::make_base() const {
  auto session = std::make_shared<TraceSession>();  // shared: see SessionPtr
  session->path_ = path_;
  session->info_ = entities_.info;
  session->objects_ = entities_.objects;
  session->sites_ = entities_.sites;
  session->findings_ = entities_.findings;
  session->chunks_ = entities_.chunks;
  session->program_names_ = store::program_names(entities_.info.programs);
  for (const store::WorkerRow& row : entities_.workers) session->workers_.emplace_back().row = row;
  for (Worker& worker : session->workers_) add_worker_times(worker);
  session->tasks_.resize(entities_.tasks.size());
  std::map<std::pair<store::ProgramId, store::SiteId>, std::uint32_t> groups;
  for (std::size_t at = 0; at < session->tasks_.size(); ++at) {
    Task& task = session->tasks_[at];
    task.row = entities_.tasks[at];
    task.name = task_name(*session, task.row);
    const std::uint64_t number = store::own_id(task.row.id);
    const std::string prefix = session->program_prefix(task.row.id);
    task.label =
        prefix + (task.row.name.empty() && number != 1 ? fmt::format("{} {}", task.name, number)
                                                       : task.name);
    const auto [group, fresh] =
        groups.try_emplace({store::program_of(task.row.id), task.row.spawn_site_id},
                           static_cast<std::uint32_t>(session->groups_.size()));
    if (fresh) {
      session->groups_.push_back({.spawn_site_id = task.row.spawn_site_id,
                                  .label = {},
                                  .place = session->site_text(task.row.spawn_site_id),
                                  .tasks = {},
                                  .index = {}});
      session->groups_.back().label = prefix + task.name;
    }
    task.group = group->second;
    TaskGroup& members = session->groups_[task.group];
    members.tasks.push_back(static_cast<TaskIndex>(at));
    const ClassTimes times = approximate_class_times(task.row.state_ns);
    for (std::size_t c = 0; c < kStateClasses; ++c) members.times[c] += times[c];
    // Members with different names are called by their place instead of by one of the names.
    if (prefix + task.name != members.label) {
      const std::string function = site_function(*session, task.row.spawn_site_id);
      members.label = prefix + (function.empty() ? "task" : function);
    }
  }
  return session;
}

SessionPtr SessionBuilder::overview() {
  base_->stage_ = SessionStage::Overview;
  return std::move(base_);
}

SessionPtr SessionBuilder::summary() const { return make_base(); }

std::uint32_t SessionBuilder::thread_index(std::uint64_t thread_id) {
  const auto [at, fresh] =
      thread_indices_.try_emplace(thread_id, static_cast<std::uint32_t>(base_->threads_.size()));
  if (fresh) base_->threads_.emplace_back().id = thread_id;
  return at->second;
}

void SessionBuilder::add_spans(std::span<const store::Span> spans) {
  std::vector<RawSpan> batch;
  batch.reserve(spans.size());
  // The spans of a chunk are of one worker.
  WorkerId last_id = store::kNoWorker;
  std::uint16_t last_worker = 0xffff;
  for (const store::Span& span : spans) {
    const TaskIndex task = base_->find_task(span.task_id);
    if (task == kNoTask || span.start_ns < 0 || span.end_ns < span.start_ns ||
        static_cast<std::size_t>(span.state) >= store::kSpanStates) {
      ++skipped_spans_;
      continue;
    }
    SpanDetail detail;
    if (span.thread_id != 0) detail.object = thread_index(span.thread_id);
    if (span.object_id != 0) {
      detail.object = find_object(base_->objects_, span.object_id).value_or(detail.object);
    }
    detail.woken_by = base_->find_task(span.woken_by);
    detail.site_id = span.site_id;
    if (span.worker_id != last_id) {
      last_id = span.worker_id;
      last_worker = static_cast<std::uint16_t>(
          std::min<std::uint32_t>(base_->find_worker(last_id).value_or(0xffff), 0xffff));
    }
    detail.worker = last_worker;
    detail.reason = span.reason;
    detail.waker_kind = span.waker_kind;
    detail.state = span.state;
    batch.push_back({span.start_ns, span.end_ns, task, detail, classify(span.state, span.reason),
                     !span.finished});
    ++counts_[task];
  }
  if (!batch.empty()) batches_.push_back(std::move(batch));
}

void SessionBuilder::add_events(std::span<const store::EventRow> events) {
  for (const store::EventRow& event : events) {
    if (const std::uint64_t id = thread_of(event); id != 0) thread_index(id);
    events_.push_back(event);
  }
}

// What happened beside the running of tasks: workers' decisions, threads, queues.
void SessionBuilder::build_scheduler(TraceSession& session, const std::vector<SpanIndex>& order) {
  std::stable_sort(events_.begin(), events_.end(),
                   [](const auto& a, const auto& b) { return a.ns < b.ns; });
  std::vector<Worker>& workers = session.workers_;
  const SchedulerInput input{.events = events_,
                             .steals = entities_.steals,
                             .parks = entities_.parks,
                             .workers = workers,
                             .find_task = [&](TaskId id) { return session.find_task(id); },
                             .duration_ns = session.duration_ns()};
  std::vector<std::vector<Decision>> decisions = make_decisions(input);
  std::vector<std::vector<Drive>> drives = make_drives(input);
  for (std::size_t at = 0; at < workers.size(); ++at) {
    workers[at].decisions = DecisionTrack(std::move(decisions[at]));
    workers[at].drives = std::move(drives[at]);
  }
  session.outside_ = DecisionTrack(std::move(decisions.back()));
  session.queued_ = make_queued(input);
  session.worker_counts_ = make_worker_counts(input);
  std::vector<std::vector<TimedUse>> uses(session.threads_.size());
  for (const SpanIndex span : order) {
    const SpanDetail& detail = session.details_[span];
    if (!detail.workerless() || detail.object >= uses.size()) continue;
    uses[detail.object].push_back(
        {session.span_range(span), session.classes_[span], {.span = span}});
  }
  fill_threads(session.threads_, input, std::move(uses));
}

std::vector<SessionBuilder::Arrival> SessionBuilder::arrivals_by_start() const {
  std::vector<Arrival> arrivals;
  std::size_t total = 0;
  for (const std::vector<RawSpan>& batch : batches_) total += batch.size();
  TASKSCOPE_CHECK(total < kNoSpan);
  arrivals.reserve(total);
  for (std::uint32_t batch = 0; batch < batches_.size(); ++batch) {
    for (std::uint32_t at = 0; at < batches_[batch].size(); ++at) {
      arrivals.push_back({batches_[batch][at].start_ns, batch, at});
    }
  }
  radix_sort(arrivals, [](const Arrival& arrival) { return arrival.start_ns; });
  // Of spans that start at one instant the empty ones come first.
  const auto end_ns = [&](const Arrival& arrival) {
    return batches_[arrival.batch][arrival.at].end_ns;
  };
  for (auto begin = arrivals.begin(); begin != arrivals.end();) {
    auto end = begin + 1;
    while (end != arrivals.end() && end->start_ns == begin->start_ns) ++end;
    if (end - begin > 1) {
      std::stable_sort(begin, end,
                       [&](const Arrival& a, const Arrival& b) { return end_ns(a) < end_ns(b); });
    }
    begin = end;
  }
  return arrivals;
}

std::vector<SpanIndex> SessionBuilder::sort_into_tasks(TraceSession& session) {
  std::vector<SpanIndex> next;
  SpanIndex total = 0;
  for (std::size_t at = 0; at < counts_.size(); ++at) {
    session.tasks_[at].first_span = total;
    session.tasks_[at].span_count = counts_[at];
    next.push_back(total);
    total += counts_[at];
  }
  const std::vector<Arrival> arrivals = arrivals_by_start();
  session.start_ns_.resize(total);
  session.end_ns_.resize(total);
  session.classes_.resize(total);
  session.details_.resize(total);
  std::vector<SpanIndex> order;
  order.reserve(total);
  for (const Arrival& arrival : arrivals) {
    const RawSpan& span = batches_[arrival.batch][arrival.at];
    const SpanIndex out = next[span.task]++;
    order.push_back(out);
    session.start_ns_[out] = span.start_ns;
    session.end_ns_[out] = span.end_ns;
    session.classes_[out] = span.state_class;
    session.details_[out] = span.detail;
    session.tasks_[span.task].last_span_unfinished = span.unfinished;
  }
  std::vector<std::vector<RawSpan>>().swap(batches_);
  cut_overlaps(session);
  return order;
}

void SessionBuilder::cut_overlaps(TraceSession& session) {
  for (const Task& task : session.tasks_) {
    const SpanIndex end = task.first_span + task.span_count;
    for (SpanIndex span = task.first_span; span + 1 < end; ++span) {
      if (session.end_ns_[span] <= session.start_ns_[span + 1]) continue;
      session.end_ns_[span] = session.start_ns_[span + 1];
      ++session.cut_spans_;
    }
  }
}

void SessionBuilder::mark_leaked(TraceSession& session) const {
  for (Task& task : session.tasks_) {
    if (task.span_count == 0 || !task.last_span_unfinished) continue;
    const SpanIndex last = task.first_span + task.span_count - 1;
    const SpanDetail& detail = session.details_[last];
    if (detail.state != store::TaskState::Blocked) continue;
    for (const store::FindingRow& finding : entities_.findings) {
      const bool same_place = finding.spawn_site_id != 0 && finding.wait_site_id != 0 &&
                              finding.spawn_site_id == task.row.spawn_site_id &&
                              finding.wait_site_id == detail.site_id;
      if (finding.task_id == task.row.id || same_place) session.classes_[last] = StateClass::Leaked;
    }
  }
}

void SessionBuilder::build_workers(TraceSession& session, const std::vector<SpanIndex>& order) {
  for (const SpanIndex span : order) {
    const SpanDetail& detail = session.details_[span];
    if (!detail.on_thread() || detail.worker >= session.workers_.size()) continue;
    Worker& worker = session.workers_[detail.worker];
    worker.spans.push_back(span);
    worker.start_ns.push_back(session.start_ns_[span]);
    worker.end_ns.push_back(session.end_ns_[span]);
    worker.classes.push_back(session.classes_[span]);
  }
  for (Worker& worker : session.workers_) {
    const std::size_t count = worker.spans.size();
    for (std::size_t at = 0; at + 1 < count; ++at) {
      worker.end_ns[at] = std::min(worker.end_ns[at], worker.start_ns[at + 1]);
    }
    worker.track = Track(worker.start_ns, worker.end_ns, worker.classes);
  }
}

void SessionBuilder::build_groups(TraceSession& session) {
  for (TaskGroup& group : session.groups_) {
    std::vector<const Track*> members;
    members.reserve(group.tasks.size());
    group.times = {};
    for (const TaskIndex task : group.tasks) {
      members.push_back(&session.tasks_[task].track);
      const ClassTimes times = session.tasks_[task].track.times_before(INT64_MAX);
      for (std::size_t c = 0; c < kStateClasses; ++c) group.times[c] += times[c];
    }
    group.index = GroupIndex(members);
  }
}

void SessionBuilder::build_wakes(TraceSession& session, const std::vector<SpanIndex>& order) {
  session.wakes_begin_.assign(session.tasks_.size() + 1, 0);
  for (const SpanDetail& detail : session.details_) {
    if (detail.woken_by != kNoTask) ++session.wakes_begin_[detail.woken_by + 1];
  }
  for (std::size_t at = 0; at < session.tasks_.size(); ++at) {
    session.wakes_begin_[at + 1] += session.wakes_begin_[at];
  }
  session.wakes_.resize(session.wakes_begin_.back());
  std::vector<std::uint32_t> next = session.wakes_begin_;
  // A wait ends where its task's next span starts, so the order of starts is almost always that of
  // the waits' ends.
  const auto put = [&](SpanIndex span) {
    const TaskIndex waker = session.details_[span].woken_by;
    if (waker != kNoTask) session.wakes_[next[waker]++] = span;
  };
  for (const SpanIndex span : order) {
    if (span > 0) put(span - 1);
  }
  if (session.span_count() > 0) put(static_cast<SpanIndex>(session.span_count() - 1));
  const auto by_end = [&](SpanIndex a, SpanIndex b) {
    return session.end_ns_[a] != session.end_ns_[b] ? session.end_ns_[a] < session.end_ns_[b]
                                                    : a < b;
  };
  for (std::size_t at = 0; at < session.tasks_.size(); ++at) {
    const auto begin = session.wakes_.begin() + session.wakes_begin_[at];
    const auto end = session.wakes_.begin() + session.wakes_begin_[at + 1];
    if (!std::is_sorted(begin, end, by_end)) std::sort(begin, end, by_end);
  }
}

SessionPtr SessionBuilder::finish() {
  TASKSCOPE_CHECK(base_ != nullptr);
  const std::shared_ptr<TraceSession> session = std::move(base_);
  session->arms_ = arms(*session, entities_.arms);
  session->chosen_ = arms(*session, entities_.chosen_arms);
  const std::vector<SpanIndex> order = sort_into_tasks(*session);
  mark_leaked(*session);
  for (Task& task : session->tasks_) {
    const auto part = [&](const auto& column) {
      return std::span(column).subspan(task.first_span, task.span_count);
    };
    task.track = Track(part(session->start_ns_), part(session->end_ns_), part(session->classes_));
  }
  // Groups read the tracks that are there by now; the other two write elsewhere.
  std::thread groups([&] { build_groups(*session); });
  build_workers(*session, order);
  build_wakes(*session, order);
  build_scheduler(*session, order);
  groups.join();
  session->skipped_spans_ = skipped_spans_;
  session->stage_ = SessionStage::Complete;
  return session;
}

}  // namespace taskscope::viewer
