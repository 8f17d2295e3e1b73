#include "viewer/model/session_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "runtime/base/check.h"
#include "viewer/model/findings.h"
#include "viewer/model/format.h"
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

using Words = std::array<std::uint32_t, sizeof(SpanDetail) / sizeof(std::uint32_t)>;

std::uint64_t hash_of(const SpanDetail& detail) {
  const Words words = std::bit_cast<Words>(detail);
  const auto pair = [&](std::size_t at) { return std::uint64_t{words[at]} << 32 | words[at + 1]; };
  const std::uint64_t mixed =
      (pair(0) ^ (pair(2) + words[4]) * 0x9e37'79b9'7f4a'7c15) * 0xff51'afd7'ed55'8ccd;
  return mixed ^ mixed >> 32;
}

bool same(const SpanDetail& a, const SpanDetail& b) {
  return std::bit_cast<Words>(a) == std::bit_cast<Words>(b);
}

// Parts of the overview of a recording under way.
constexpr std::size_t kAllPartsMax = 2 * TraceSession::kOverviewParts;

}  // namespace

std::uint32_t& DetailTable::slot_of(const SpanDetail& detail) {
  const std::size_t mask = index_.size() - 1;
  std::size_t at = hash_of(detail) & mask;
  while (index_[at] != kEmpty && !same(details_[index_[at]], detail)) at = (at + 1) & mask;
  return index_[at];
}

std::uint32_t DetailTable::number_of(const SpanDetail& detail) {
  std::uint32_t& slot = slot_of(detail);
  if (slot != kEmpty) return slot;
  slot = static_cast<std::uint32_t>(details_.size());
  details_.push_back(detail);
  const std::uint32_t number = slot;
  if (details_.size() * 2 > index_.size()) {
    index_.assign(index_.size() * 2, kEmpty);
    for (std::uint32_t at = 0; at < details_.size(); ++at) slot_of(details_[at]) = at;
  }
  return number;
}

SessionBuilder::SessionBuilder(std::string path, SessionEntities entities, Extent extent)
    : path_(std::move(path)),
      entities_(std::move(entities)),
      extent_(extent),
      scheduler_([this](TaskId id) { return find_task(id); }),
      all_sums_(kAllPartsMax, 1) {
  const auto by_id = [](const auto& a, const auto& b) { return a.id < b.id; };
  std::sort(entities_.tasks.begin(), entities_.tasks.end(), by_id);
  std::sort(entities_.workers.begin(), entities_.workers.end(), by_id);
  std::sort(entities_.objects.begin(), entities_.objects.end(), by_id);
  std::sort(entities_.sites.begin(), entities_.sites.end(), by_id);
  task_spans_.resize(entities_.tasks.size());
  worker_spans_.resize(entities_.workers.size());
  base_ = make_base();
}

SessionBuilder::~SessionBuilder() = default;

// Ids count from 1 without holes, but for what was lost.
std::optional<std::uint32_t> SessionBuilder::find_object(store::ObjectId id) const {
  const std::vector<store::ObjectRow>& objects = base_->objects_;
  if (id - 1 < objects.size() && objects[id - 1].id == id) {
    return static_cast<std::uint32_t>(id - 1);
  }
  if (extent_ == Extent::Growing) {
    const auto stray = stray_objects_.find(id);
    return stray == stray_objects_.end() ? std::nullopt : std::optional(stray->second);
  }
  const auto at =
      std::lower_bound(objects.begin(), objects.end(), id,
                       [](const store::ObjectRow& row, store::ObjectId of) { return row.id < of; });
  if (at == objects.end() || at->id != id) return std::nullopt;
  return static_cast<std::uint32_t>(at - objects.begin());
}

// What happened on a worker beside its spans.
void SessionBuilder::add_workers(TraceSession& session) const {
  for (const store::WorkerRow& row : entities_.workers) session.workers_.emplace_back().row = row;
  for (Worker& worker : session.workers_) add_worker_times(worker, *session.arena_);
}

void SessionBuilder::add_worker_times(Worker& worker, PackedArena& arena) const {
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
  IdleBuilder idle;
  idle.add(parks, spins, arena);
  worker.idle = idle.finish(arena);
  take(entities_.lost, worker.lost);
  take(entities_.chunks, worker.chunks);
}

// Takes the rows of tasks, objects and sites.
std::shared_ptr<TraceSession> SessionBuilder::make_base() {
  auto session = std::make_shared<TraceSession>();  // shared: see SessionPtr
  session->path_ = path_;
  session->info_ = entities_.info;
  session->objects_ = std::move(entities_.objects);
  session->sites_ = std::move(entities_.sites);
  session->findings_ = entities_.findings;
  session->chunks_ = entities_.chunks;
  session->program_names_ = store::program_names(entities_.info.programs);
  if (extent_ == Extent::Growing) {
    session->arena_ = std::make_shared<PackedArena>(PackedArena::Beside::Readers);
  }
  add_workers(*session);
  base_ = session;
  session->tasks_.resize(entities_.tasks.size());
  for (std::size_t at = 0; at < session->tasks_.size(); ++at) {
    Task& task = session->tasks_[at];
    task.row = std::move(entities_.tasks[at]);
    name_task(task);
    put_into_group(static_cast<TaskIndex>(at));
  }
  std::vector<store::TaskRow>().swap(entities_.tasks);
  return session;
}

void SessionBuilder::name_task(Task& task) const {
  task.name = task_name(*base_, task.row);
  const std::uint64_t number = store::own_id(task.row.id);
  const std::string prefix = base_->program_prefix(task.row.id);
  task.label =
      prefix +
      (task.row.name.empty() && number != 1 ? fmt::format("{} {}", task.name, number) : task.name);
}

void SessionBuilder::put_into_group(TaskIndex index) {
  Task& task = base_->tasks_[index];
  std::vector<TaskGroup>& groups = base_->groups_;
  const std::string name = base_->program_prefix(task.row.id) + task.name;
  const auto [group, fresh] =
      groups_.try_emplace({store::program_of(task.row.id), task.row.spawn_site_id},
                          static_cast<std::uint32_t>(groups.size()));
  if (fresh) {
    groups.push_back({.spawn_site_id = task.row.spawn_site_id,
                      .label = name,
                      .place = base_->site_text(task.row.spawn_site_id),
                      .tasks = {},
                      .index = {}});
  }
  task.group = group->second;
  TaskGroup& members = groups[task.group];
  members.tasks.push_back(index);
  const ClassTimes times = approximate_class_times(task.row.state_ns);
  for (std::size_t c = 0; c < kStateClasses; ++c) members.times[c] += times[c];
  if (name != members.label) members.label = place_label(task);
}

// Members with different names are called by their place instead of by one of the names.
std::string SessionBuilder::place_label(const Task& task) const {
  const std::string function = site_function(*base_, task.row.spawn_site_id);
  return base_->program_prefix(task.row.id) + (function.empty() ? "task" : function);
}

SessionPtr SessionBuilder::overview() {
  base_->stage_ = SessionStage::Overview;
  return std::move(base_);
}

SessionPtr SessionBuilder::summary() const {
  auto session = std::make_shared<TraceSession>();  // shared: see SessionPtr
  session->path_ = path_;
  session->info_ = base_->info_;
  session->objects_ = base_->objects_;
  session->sites_ = base_->sites_;
  session->findings_ = base_->findings_;
  session->chunks_ = base_->chunks_;
  session->program_names_ = base_->program_names_;
  session->tasks_ = base_->tasks_;
  session->groups_ = base_->groups_;
  add_workers(*session);
  return session;
}

std::uint32_t SessionBuilder::thread_index(std::uint64_t thread_id) {
  if (thread_id == last_thread_id_) return last_thread_;
  const auto [at, fresh] =
      thread_indices_.try_emplace(thread_id, static_cast<std::uint32_t>(base_->threads_.size()));
  if (fresh) base_->threads_.emplace_back().id = thread_id;
  last_thread_id_ = thread_id;
  last_thread_ = at->second;
  return last_thread_;
}

SpanDetail SessionBuilder::detail_of(const store::Span& span) {
  SpanDetail detail;
  if (span.thread_id != 0) detail.object = thread_index(span.thread_id);
  if (span.object_id != 0) detail.object = find_object(span.object_id).value_or(detail.object);
  if (span.worker_id != last_worker_id_) {
    last_worker_id_ = span.worker_id;
    last_worker_ = static_cast<std::uint16_t>(
        std::min<std::uint32_t>(base_->find_worker(last_worker_id_).value_or(0xffff), 0xffff));
  }
  detail.worker = last_worker_;
  detail.site_id = span.site_id;
  detail.own_stack_id = span.own_stack_id;
  detail.reason = span.reason;
  detail.waker_kind = span.waker_kind;
  detail.state = span.state;
  // Where a task waited for others nobody asks which worker ended it.
  if (!detail.on_thread()) detail.worker = 0xffff;
  return detail;
}

void SessionBuilder::add_span(const store::Span& span, TaskIndex task) {
  TaskSpans& of = task_spans_[task];
  const SpanDetail detail = detail_of(span);
  const std::int64_t start_ns = std::max(span.start_ns, of.track.end_ns());
  cut_spans_ += start_ns != span.start_ns ? 1 : 0;
  TrackSpan packed{.start_ns = start_ns,
                   .end_ns = std::max(start_ns, span.end_ns),
                   .payload = details_.number_of(detail),
                   .state_class = classify(span.state, span.reason)};
  if (!detail.on_thread()) {
    const TaskIndex waker = span.woken_by == 0 ? kNoTask : find_task(span.woken_by);
    if (waker != kNoTask) {
      packed.extra = waker + 1;
      if (task_spans_[waker].first_woken == kNoTask) task_spans_[waker].first_woken = task;
    }
  } else if (span.state == store::TaskState::Running) {
    packed.extra = std::exchange(of.first_woken, kNoTask) + 1;  // kNoTask becomes 0
  }
  of.track.add(packed, *base_->arena_);
  of.last_unfinished = !span.finished;
  if (extent_ == Extent::Growing) {
    group_sums_[base_->tasks_[task].group].add(packed.state_class, packed.start_ns, packed.end_ns);
    all_sums_.add(packed.state_class, packed.start_ns, packed.end_ns);
  }
  if (!detail.on_thread()) return;
  if (detail.worker < worker_spans_.size()) {
    TrackBuilder& worker = worker_spans_[detail.worker];
    packed.start_ns = std::max(packed.start_ns, worker.end_ns());
    packed.end_ns = std::max(packed.start_ns, packed.end_ns);
    packed.payload = task;
    packed.extra = 0;
    worker.add(packed, *base_->arena_);
  } else if (detail.workerless() && detail.object < base_->threads_.size()) {
    workerless_.push_back(
        {{packed.start_ns, packed.end_ns}, packed.state_class, task, detail.object});
  }
}

void SessionBuilder::add_spans(std::span<const store::Span> spans) {
  batch_.clear();
  for (const store::Span& span : spans) {
    const TaskIndex task = find_task(span.task_id);
    const bool sound = task != kNoTask && span.start_ns >= 0 && span.end_ns >= span.start_ns &&
                       static_cast<std::size_t>(span.state) < store::kSpanStates;
    batch_.push_back(sound ? task : kNoTask);
    // Tasks follow each other at random: what is known of them is fetched ahead.
    if (sound) __builtin_prefetch(&task_spans_[task], 1);
  }
  for (std::size_t at = 0; at < spans.size(); ++at) {
    if (batch_[at] == kNoTask) {
      ++skipped_spans_;
    } else {
      add_span(spans[at], batch_[at]);
    }
  }
}

void SessionBuilder::add_arm(const store::EventRow& event) {
  const TaskIndex task = find_task(event.task_id);
  if (task == kNoTask) return;
  SelectArm arm;
  arm.object = find_object(event.object_id).value_or(SelectArm::kNoObject) & SelectArm::kNoObject;
  arm.operation = static_cast<store::ArmOperation>(event.arg & 3);
  TrackBuilder& arms = (event.kind == store::EventKind::Arm ? arms_ : chosen_)[task];
  const std::int64_t ns = std::max(event.ns, arms.end_ns());
  arms.add({.start_ns = ns, .end_ns = ns, .payload = std::bit_cast<std::uint32_t>(arm)},
           *base_->arena_);
}

void SessionBuilder::add_events(std::span<const store::EventRow> events) {
  for (const store::EventRow& event : events) {
    if (event.kind == store::EventKind::Arm || event.kind == store::EventKind::Chosen) {
      add_arm(event);
      continue;
    }
    if (const std::uint64_t id = thread_of(event); id != 0) thread_index(id);
    if (extent_ == Extent::Growing) {
      scheduler_.add(event);
    } else {
      events_.push_back(event);
    }
  }
}

// What happened beside the running of tasks: workers' decisions, threads, queues.
void SessionBuilder::build_scheduler(TraceSession& session) {
  SchedulerStream stream([&](TaskId id) { return session.find_task(id); });
  for (const Worker& worker : session.workers_) stream.add_worker(worker.row.id);
  const auto by_start = [](const auto& a, const auto& b) { return a.start_ns < b.start_ns; };
  const auto by_ns = [](const auto& a, const auto& b) { return a.ns < b.ns; };
  std::stable_sort(entities_.parks.begin(), entities_.parks.end(), by_start);
  std::stable_sort(entities_.steals.begin(), entities_.steals.end(), by_ns);
  auto park = entities_.parks.begin();
  auto steal = entities_.steals.begin();
  const auto add_before = [&](std::int64_t ns) {
    for (; park != entities_.parks.end() && park->start_ns < ns; ++park) {
      stream.add_park(park->worker_id, park->start_ns);
    }
    for (; steal != entities_.steals.end() && steal->ns < ns; ++steal) stream.add(*steal);
  };
  for (const store::EventRow& event : events_) {
    add_before(event.ns);
    stream.add(event);
  }
  add_before(INT64_MAX);
  for (Worker& worker : session.workers_) stream.share_with(worker, session.duration_ns());
  session.outside_ = stream.outside();
  session.queued_ = stream.queued();
  session.worker_counts_ = stream.worker_counts();
  fill_threads(session.threads_,
               {.sleeps = stream.sleeps(),
                .workers = session.workers_,
                .duration_ns = session.duration_ns()},
               thread_uses(session), *session.thread_arena_);
}

// What tasks without a worker did on each thread.
SessionBuilder::ThreadUses SessionBuilder::thread_uses(const TraceSession& session) const {
  ThreadUses uses(session.threads_.size());
  for (const WorkerlessUse& use : workerless_) {
    uses[use.thread].push_back({use.range, use.state_class, {.task = use.task}});
  }
  return uses;
}

bool SessionBuilder::is_leaked(const Task& task, const SpanDetail& last) const {
  if (last.state != store::TaskState::Blocked) return false;
  return std::any_of(
      entities_.findings.begin(), entities_.findings.end(),
      [&](const store::FindingRow& finding) { return is_stuck_in(finding, task, last.site_id); });
}

void SessionBuilder::finish_tasks(TraceSession& session) {
  session.details_ = details_.share();
  for (std::size_t at = 0; at < session.tasks_.size(); ++at) {
    Task& task = session.tasks_[at];
    TaskSpans& of = task_spans_[at];
    task.first_span = static_cast<SpanIndex>(session.span_count_);
    task.span_count = static_cast<std::uint32_t>(of.track.size());
    session.span_count_ += of.track.size();
    TASKSCOPE_CHECK(session.span_count_ < kNoSpan);
    task.last_span_unfinished = of.last_unfinished;
    if (of.last_unfinished && is_leaked(task, session.details_[of.track.last().payload])) {
      of.track.reclassify_last(StateClass::Leaked);
    }
    task.track = of.track.finish(*session.arena_);
  }
  std::vector<TaskSpans>().swap(task_spans_);
}

void SessionBuilder::build_groups(TraceSession& session) {
  for (TaskGroup& group : session.groups_) {
    std::vector<const Track*> members;
    members.reserve(group.tasks.size());
    for (const TaskIndex task : group.tasks) members.push_back(&session.tasks_[task].track);
    group.index = GroupIndex(std::move(members));
    group.times = group.index.times();
  }
  // Once, here: in the window every frame wants it, and it takes a look at all groups.
  const std::int64_t duration_ns = session.duration_ns();
  if (duration_ns <= 0) return;
  std::vector<ClassTimes> parts(
      std::min(TraceSession::kOverviewParts, static_cast<std::size_t>(duration_ns)));
  const ColumnGrid grid{static_cast<double>(duration_ns) / static_cast<double>(parts.size())};
  for (const TaskGroup& group : session.groups_) group.index.add_times(grid, 0, parts);
  session.overview_part_ns_ = grid.ns_per_px;
  session.overview_.resize(parts.size() + 1);
  for (std::size_t at = 0; at < parts.size(); ++at) {
    for (std::size_t c = 0; c < kStateClasses; ++c) {
      session.overview_[at + 1][c] = session.overview_[at][c] + parts[at][c];
    }
  }
}

void SessionBuilder::annotate(AnnotationRows rows) {
  const std::int64_t end_ns = base_->duration_ns();
  const auto find = [&](TaskId id) -> std::optional<AnnotatedTask> {
    const TaskIndex task = find_task(id);
    if (task == kNoTask) return std::nullopt;
    const store::TaskRow& row = base_->tasks_[task].row;
    return AnnotatedTask{task, row.created_ns.value_or(0), row.ended_ns.value_or(end_ns)};
  };
  for (store::CounterRow& row : rows.counters) {
    row.name = base_->program_prefix(row.id) + row.name;
  }
  base_->annotations_ = Annotations(std::move(rows), find);
}

void SessionBuilder::add_calls(store::StackTable stacks,
                               const std::vector<store::SampleRow>& samples) {
  base_->stacks_ = std::move(stacks);
  base_->samples_ = SampleTable(
      samples, base_->stacks_,
      {.task = [&](TaskId id) { return find_task(id); },
       .worker = [&](WorkerId id) { return base_->find_worker(id).value_or(SampleTable::kNone); }});
}

void SessionBuilder::add_memory(MemoryRows rows) {
  base_->memory_ = Memory(std::move(rows), base_->duration_ns());
}

ArmTracks SessionBuilder::finish_arms(ArmBuilders& arms) {
  ArmTracks tracks;
  tracks.reserve(arms.size());
  for (auto& [task, builder] : arms) tracks.emplace_back(task, builder.finish(*base_->arena_));
  arms.clear();
  return tracks;
}

SessionPtr SessionBuilder::finish() {
  TASKSCOPE_CHECK(base_ != nullptr);
  base_->arms_ = finish_arms(arms_);
  base_->chosen_ = finish_arms(chosen_);
  const std::shared_ptr<TraceSession> session = std::move(base_);
  finish_tasks(*session);
  for (std::size_t at = 0; at < worker_spans_.size(); ++at) {
    session->workers_[at].track = worker_spans_[at].finish(*session->arena_);
  }
  // Groups only read the tracks that are there by now, and nothing is added to their arena any
  // more.
  std::thread groups([&] { build_groups(*session); });
  build_scheduler(*session);
  groups.join();
  session->skipped_spans_ = skipped_spans_;
  session->cut_spans_ = cut_spans_;
  session->packed_bytes_ = session->arena_->bytes() + session->thread_arena_->bytes();
  session->stage_ = SessionStage::Complete;
  return session;
}

}  // namespace taskscope::viewer
