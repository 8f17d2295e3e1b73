// What a SessionBuilder does for a recording under way: takes rows as they are met, and makes
// sessions that share what does not change any more.
#include <algorithm>
#include <iterator>
#include <utility>

#include "runtime/base/check.h"
#include "viewer/model/session_builder.h"

namespace taskscope::viewer {
namespace {

// A group's index in a snapshot: half as fine as that of a recording that is complete, since it is
// made again and again.
constexpr std::size_t kGroupPartsMax = std::size_t{1} << 17;
constexpr std::size_t kSpansPerGroupPart = 256;
// From so many spans on (a few milliseconds) the tracks of threads are built on a thread of their
// own, a tenth of the time.
constexpr std::size_t kThreadsInlineSpans = std::size_t{1} << 17;
constexpr double kThreadsRestPerBuild = 9;

}  // namespace

TaskIndex SessionBuilder::find_task(TaskId id) const {
  if (extent_ == Extent::Whole) return base_->find_task(id);
  const std::vector<Task>& tasks = base_->tasks_;
  if (id - 1 < tasks.size() && tasks[id - 1].row.id == id) return static_cast<TaskIndex>(id - 1);
  const auto stray = strays_.find(id);
  return stray == strays_.end() ? kNoTask : stray->second;
}

bool SessionBuilder::lives(TaskId id) const {
  const TaskIndex task = find_task(id);
  return task != kNoTask && !base_->tasks_[task].row.ended_ns;
}

bool SessionBuilder::add(SessionEntities more) {
  TASKSCOPE_CHECK(extent_ == Extent::Growing);
  const std::size_t programs = base_->info_.programs.size();
  if (programs != 0 && !more.info.programs.empty() && more.info.programs.size() != programs) {
    return false;  // then all labels say of which program they are
  }
  if (!more.info.programs.empty()) {
    base_->program_names_ = store::program_names(more.info.programs);
    base_->info_ = std::move(more.info);
  }
  if (!more.sites.empty()) base_->sites_ = std::move(more.sites);
  if (!more.workers.empty() && !add_more_workers(std::move(more.workers))) return false;
  for (store::ObjectRow& row : more.objects) {
    const auto at = static_cast<std::uint32_t>(base_->objects_.size());
    if (row.id != at + 1) stray_objects_.emplace(row.id, at);
    base_->objects_.push_back(std::move(row));
  }
  add_tasks(std::move(more.tasks));
  add_idle_times(more);
  for (const store::LostRow& row : more.lost) {
    lost_events_ += row.events;
    if (const auto worker = base_->find_worker(row.worker_id)) {
      base_->workers_[*worker].lost.push_back(row);
    }
  }
  return true;
}

// All there are, by id. Places in spans are places among them, so new ones come behind.
bool SessionBuilder::add_more_workers(std::vector<store::WorkerRow> rows) {
  std::vector<Worker>& workers = base_->workers_;
  if (rows.size() < workers.size()) return false;
  for (std::size_t at = 0; at < workers.size(); ++at) {
    if (rows[at].id != workers[at].row.id) return false;
    workers[at].row = rows[at];
  }
  for (std::size_t at = workers.size(); at < rows.size(); ++at) {
    scheduler_.add_worker(rows[at].id);
    workers.emplace_back().row = rows[at];
  }
  worker_spans_.resize(workers.size());
  idle_.resize(workers.size());
  return true;
}

void SessionBuilder::add_tasks(std::vector<store::TaskRow> rows) {
  for (store::TaskRow& row : rows) {
    const TaskIndex known = find_task(row.id);
    if (known != kNoTask) {
      Task& task = base_->tasks_[known];
      task.row = std::move(row);
      const std::string name = std::move(task.name);
      name_task(task);
      if (task.name != name) label_group(base_->groups_[task.group]);
      continue;
    }
    const auto at = static_cast<TaskIndex>(base_->tasks_.size());
    if (row.id != at + 1) {
      strays_.emplace(row.id, at);
      strays_changed_ = true;
    }
    Task& task = base_->tasks_.emplace_back();
    task.row = std::move(row);
    task_spans_.emplace_back();
    name_task(task);
    put_into_group(at);
    if (group_sums_.size() < base_->groups_.size()) {
      group_sums_.emplace_back(kGroupPartsMax, kSpansPerGroupPart);
    }
  }
}

void SessionBuilder::label_group(TaskGroup& group) const {
  const auto name_of = [&](TaskIndex at) {
    const Task& task = base_->tasks_[at];
    return base_->program_prefix(task.row.id) + task.name;
  };
  group.label = name_of(group.tasks.front());
  const bool alike = std::all_of(group.tasks.begin(), group.tasks.end(),
                                 [&](TaskIndex at) { return name_of(at) == group.label; });
  if (!alike) group.label = place_label(base_->tasks_[group.tasks.front()]);
}

void SessionBuilder::add_idle_times(const SessionEntities& more) {
  const std::size_t workers = base_->workers_.size();
  std::vector<std::vector<store::ParkRow>> parks(workers);
  std::vector<std::vector<store::ParkRow>> spins(workers);
  const auto sort_out = [&](const std::vector<store::ParkRow>& rows, auto& by_worker) {
    for (const store::ParkRow& row : rows) {
      if (const auto at = base_->find_worker(row.worker_id)) by_worker[*at].push_back(row);
    }
  };
  sort_out(more.parks, parks);
  sort_out(more.spins, spins);
  for (std::size_t at = 0; at < workers; ++at) {
    idle_[at].add(parks[at], spins[at], *base_->arena_);
  }
}

void SessionBuilder::share_tasks(TraceSession& session) {
  if (strays_changed_) {
    base_->strays_ = SharedArray<std::pair<TaskId, TaskIndex>>({strays_.begin(), strays_.end()});
    strays_changed_ = false;
  }
  session.strays_ = base_->strays_;
  session.tasks_ = base_->tasks_;
  for (std::size_t at = 0; at < session.tasks_.size(); ++at) {
    Task& task = session.tasks_[at];
    task.track = task_spans_[at].track.snapshot(session.rest_, session.kept_);
    task.first_span = static_cast<SpanIndex>(session.span_count_);
    task.span_count = static_cast<std::uint32_t>(task.track.size());
    session.span_count_ += task.track.size();
    TASKSCOPE_CHECK(session.span_count_ < kNoSpan);
  }
}

void SessionBuilder::share_workers(TraceSession& session) {
  session.workers_ = base_->workers_;
  for (std::size_t at = 0; at < session.workers_.size(); ++at) {
    Worker& worker = session.workers_[at];
    worker.track = worker_spans_[at].snapshot(session.rest_, session.kept_);
    worker.idle = idle_[at].snapshot(session.rest_, session.kept_);
    scheduler_.share_with(worker, session.duration_ns());
  }
  session.outside_ = scheduler_.outside();
  session.queued_ = scheduler_.queued();
  session.worker_counts_ = scheduler_.worker_counts();
}

void SessionBuilder::share_groups(TraceSession& session) {
  session.groups_ = base_->groups_;
  for (std::size_t at = 0; at < session.groups_.size(); ++at) {
    TaskGroup& group = session.groups_[at];
    std::vector<const Track*> members;
    members.reserve(group.tasks.size());
    for (const TaskIndex task : group.tasks) members.push_back(&session.tasks_[task].track);
    group.index = GroupIndex(std::move(members), group_sums_[at]);
    group.times = group_sums_[at].times();
  }
  session.overview_ = all_sums_.before();
  session.overview_part_ns_ = static_cast<double>(all_sums_.part_ns());
}

ArmTracks SessionBuilder::share_arms(const ArmBuilders& arms, TraceSession& session) {
  ArmTracks tracks;
  tracks.reserve(arms.size());
  for (const auto& [task, builder] : arms) {
    tracks.emplace_back(task, builder.snapshot(session.rest_, session.kept_));
  }
  return tracks;
}

// Of a session that is complete but for these, and that nobody changes any more.
SessionBuilder::ThreadTracks SessionBuilder::make_threads(const TraceSession& session,
                                                          const std::vector<ThreadSleep>& sleeps,
                                                          ThreadUses uses) {
  const auto begin = std::chrono::steady_clock::now();
  ThreadTracks made;
  made.threads = session.threads_;
  fill_threads(
      made.threads,
      {.sleeps = sleeps, .workers = session.workers_, .duration_ns = session.duration_ns()},
      std::move(uses), *made.arena);
  made.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  return made;
}

void SessionBuilder::share_threads(const std::shared_ptr<TraceSession>& session) {
  const auto now = std::chrono::steady_clock::now();
  session->threads_ = base_->threads_;
  const std::span<const ThreadSleep> all = scheduler_.sleeps();
  if (next_thread_tracks_.valid() &&
      next_thread_tracks_.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
    thread_tracks_ = next_thread_tracks_.get();
    next_threads_at_ =
        now + std::chrono::duration_cast<std::chrono::steady_clock::duration>(
                  std::chrono::duration<double>(kThreadsRestPerBuild * thread_tracks_.seconds));
  }
  const bool at_once = all_sums_.spans() < kThreadsInlineSpans;
  if (at_once) {
    thread_tracks_ = make_threads(*session, {all.begin(), all.end()}, thread_uses(*session));
  }
  for (std::size_t at = 0; at < thread_tracks_.threads.size(); ++at) {
    session->threads_[at].track = thread_tracks_.threads[at].track;
  }
  session->thread_arena_ = thread_tracks_.arena;
  session->packed_bytes_ =
      session->arena_->bytes() + session->rest_.bytes() + thread_tracks_.arena->bytes();
  session->stage_ = SessionStage::Complete;
  if (at_once || next_thread_tracks_.valid() || now < next_threads_at_) return;
  // thread: a look at all spans of all workers, which nobody should wait for; it ends by itself.
  next_thread_tracks_ =
      std::async(std::launch::async, [of = SessionPtr(session),
                                      sleeps = std::vector<ThreadSleep>(all.begin(), all.end()),
                                      uses = thread_uses(*session)]() mutable {
        return make_threads(*of, sleeps, std::move(uses));
      });
}

SessionPtr SessionBuilder::snapshot(std::int64_t until_ns) {
  TASKSCOPE_CHECK(extent_ == Extent::Growing);
  auto session = std::make_shared<TraceSession>();  // shared: see SessionPtr
  session->path_ = path_;
  session->info_ = base_->info_;
  session->info_.duration_ns = std::max(until_ns, all_sums_.end_ns());
  session->info_.tasks = base_->tasks_.size();
  session->info_.workers = static_cast<std::uint32_t>(base_->workers_.size());
  session->info_.threads = static_cast<std::uint32_t>(base_->threads_.size());
  session->info_.lost_events = lost_events_;
  session->program_names_ = base_->program_names_;
  session->objects_ = base_->objects_;
  session->sites_ = base_->sites_;
  session->arena_ = base_->arena_;
  session->details_ = details_.share();
  share_tasks(*session);
  share_workers(*session);
  share_groups(*session);
  session->arms_ = share_arms(arms_, *session);
  session->chosen_ = share_arms(chosen_, *session);
  session->skipped_spans_ = skipped_spans_;
  session->cut_spans_ = cut_spans_;
  share_threads(session);
  return session;
}

}  // namespace taskscope::viewer
