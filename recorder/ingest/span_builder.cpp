// A task's states, and who moves it between them:
//
//   from                 event    to                        function
//   Unborn               spawn    Runnable                  take_spawn
//   Runnable             run      Running                   take_run
//   Running              yield    Runnable                  take_yield_or_block
//   Running              block    Waiting                   take_yield_or_block
//   Waiting              ready    Runnable                  take_ready
//   Running              exit     forgotten                 take_exit
//   any                  (loss)   Unknown                   mend, take_resume
//   Unknown              run      Running                   take_run
//   Unknown              ready    Runnable                  take_ready
#include "recorder/ingest/span_builder.h"

#include <algorithm>

#include "runtime/trace_format/codec.h"

namespace taskscope::ingest {

using store::kNoSpan;
using store::StoredRow;
using store::TaskState;
using trace_format::Event;
using trace_format::EventKind;
using trace_format::kSeqMask;

namespace {

// How far `sequence` is ahead of `last`; numbers behind are over half the circle away.
std::uint32_t ahead(std::uint32_t sequence, std::uint32_t last) {
  return (sequence - last) & kSeqMask;
}
bool is_behind(std::uint32_t distance) { return distance == 0 || distance > kSeqMask / 2; }

}  // namespace

SpanBuilder::SpanBuilder(store::Writer& writer) : writer_(&writer), objects_(writer) {}

std::size_t SpanBuilder::add_ring(store::WorkerId worker_id) {
  rings_.push_back(std::make_unique<Ring>(
      Ring{.chunks = ChunkBuilder(worker_id, encoder_, *writer_), .totals = {.id = worker_id}}));
  if (worker_id != store::kNoWorker) {
    ++counts_.workers;
    writer_->put_worker(rings_.back()->totals, store::Totals::NotYet);
  }
  return rings_.size() - 1;
}

SpanBuilder::Fit SpanBuilder::fit(std::size_t ring, const Event& event) {
  const EventKind kind = event.kind;
  if (kind == EventKind::Exit) {
    // The end of a task that does not run here: its run was lost, others of it may still come.
    const Task* running = rings_[ring]->running;
    return running != nullptr && running->id == event.id ? Fit::Now : Fit::Later;
  }
  const bool resumes = kind == EventKind::Resume && event.id != 0;
  if (kind != EventKind::Run && kind != EventKind::Ready && !resumes) return Fit::Now;
  Task* task = tasks_.find(event.id);
  if (task == nullptr || task->state == State::Unborn) return Fit::Later;
  last_task_ = task;
  const std::uint32_t distance = ahead(event.aux, task->sequence);
  if (is_behind(distance)) {
    // A resume may repeat the number of the run it stands for, and then its task runs here still.
    const bool runs_elsewhere = task->state == State::Running && task->ring != ring;
    return resumes && distance == 0 && runs_elsewhere ? Fit::Later : Fit::Now;
  }
  if (distance != 1) return Fit::Later;
  const State wanted = kind == EventKind::Ready ? State::Waiting : State::Runnable;
  return task->state == wanted || task->state == State::Unknown ? Fit::Now : Fit::Later;
}

void SpanBuilder::take(std::size_t ring_index, const Event& event, std::string_view text,
                       std::int64_t ns) {
  Ring& ring = *rings_[ring_index];
  ns = std::max(ns, ring.chunks.last_ns());
  switch (event.kind) {
    case EventKind::Spawn:
      take_spawn(ring, event, ns);
      break;
    case EventKind::Run:
      take_run(ring_index, event, ns);
      break;
    case EventKind::Yield:
    case EventKind::Block:
      take_yield_or_block(ring, event, ns);
      break;
    case EventKind::Ready:
      take_ready(ring, event, ns);
      break;
    case EventKind::Exit:
      take_exit(ring, event, ns);
      break;
    case EventKind::Resume:
      take_resume(ring_index, event, ns);
      break;
    default:
      take_other(ring, event, text, ns);
      break;
  }
}

// --- tasks -------------------------------------------------------------------------------------

SpanBuilder::Task& SpanBuilder::task_of(store::TaskId id) {
  if (last_task_ != nullptr && last_task_->id == id) return *last_task_;
  Task& task = tasks_.get(id);
  task.id = id;
  last_task_ = &task;
  return task;
}

SpanBuilder::Texts& SpanBuilder::texts_of(store::TaskId id) {
  Task& task = task_of(id);
  if (task.texts == nullptr) task.texts = std::make_unique<Texts>();
  return *task.texts;
}

void SpanBuilder::count_birth(Task& task) {
  task.state = State::Unknown;
  ++counts_.tasks;
  ++counts_.tasks_live;
  new_tasks_.push_back(task.id);
}

store::TaskRow SpanBuilder::row_of(const Task& task) const {
  store::TaskRow row;
  row.id = task.id;
  row.parent_id = task.parent_id;
  row.spawn_site_id = task.spawn_site_id;
  if (task.created_known) row.created_ns = task.created_ns;
  row.state_ns = task.state_ns;
  row.wakeups = task.wakeups;
  row.steals = task.steals;
  if (task.texts != nullptr) {
    row.name = task.texts->name;
    row.panic_message = task.texts->panic_message;
  }
  switch (task.state) {
    case State::Unborn:
    case State::Unknown:
      row.state_known = false;
      break;
    case State::Runnable:
      row.state = TaskState::Runnable;
      break;
    case State::Running:
      row.state = TaskState::Running;
      break;
    case State::Waiting:
      row.state = store::closed_state(EventKind::Ready, task.reason);
      break;
  }
  return row;
}

std::int64_t SpanBuilder::not_before(const Ring& ring, const Task& task, std::int64_t ns) const {
  return std::max({ns, ring.chunks.last_ns(), task.since_ns});
}

std::int64_t SpanBuilder::close_state(Task& task, std::int64_t ns) {
  const std::int64_t span_ns = ns - task.since_ns;
  task.since_ns = ns;
  TaskState state = TaskState::Runnable;
  switch (task.state) {
    case State::Unborn:
    case State::Unknown:
      return kNoSpan;
    case State::Runnable:
      break;
    case State::Running:
      state = TaskState::Running;
      rings_[task.ring]->totals.running_ns += span_ns;
      rings_[task.ring]->running = nullptr;
      break;
    case State::Waiting:
      state = store::closed_state(EventKind::Ready, task.reason);
      if (task.object != nullptr) objects_.wait_ends(*task.object, span_ns);
      task.object = nullptr;
      break;
  }
  task.state_ns[static_cast<std::size_t>(state)] += span_ns;
  return span_ns;
}

// Ends the running span of a task whose own ring has lost its end. Returns when.
std::int64_t SpanBuilder::leave_ring(Task& task, std::int64_t ns) {
  Ring& ring = *rings_[task.ring];
  ns = not_before(ring, task, ns);
  const std::int64_t span_ns = close_state(task, ns);
  add(ring, {.ns = ns, .span_ns = span_ns, .task_id = task.id, .kind = store::kCloseRunning});
  task.state = State::Unknown;
  return ns;
}

// Brings a task whose events were lost to where an event wants it; `wanted` itself is not assumed:
// what is not known stays Unknown.
void SpanBuilder::mend(Ring& ring, Task& task, State wanted, std::int64_t& ns) {
  if (task.state == State::Unborn) {
    count_birth(task);
    ++counts_.misfits;
    task.since_ns = ns;
  }
  if (task.state == wanted || task.state == State::Unknown) return;
  ++counts_.misfits;
  if (task.state == State::Running) {
    ns = leave_ring(task, ns);
    return;
  }
  ns = not_before(ring, task, ns);
  const bool waited = task.state == State::Waiting;
  StoredRow row{
      .ns = ns, .task_id = task.id, .kind = waited ? store::kCloseWaiting : store::kCloseRunnable};
  if (waited) {
    row.object_id = task.object_id;
    row.site_id = task.wait_site_id;
    row.reason = task.reason;
  }
  row.span_ns = close_state(task, ns);
  add(ring, row);
  task.state = State::Unknown;
}

void SpanBuilder::start_running(std::size_t ring_index, Task& task, std::uint32_t sequence,
                                std::int64_t ns) {
  task.state = State::Running;
  task.ring = static_cast<std::uint32_t>(ring_index);
  task.sequence = sequence;
  task.since_ns = ns;
  rings_[ring_index]->running = &task;
}

void SpanBuilder::add(Ring& ring, const StoredRow& row) {
  if (store::is_event(row.kind)) {
    ++counts_.events;
    ++ring.totals.events;
  }
  ring.chunks.add(row);
}

// --- events of tasks ---------------------------------------------------------------------------

void SpanBuilder::take_spawn(Ring& ring, const Event& event, std::int64_t ns) {
  Task& task = task_of(event.id);
  const store::SiteId site_id = trace_format::aux_site(event.aux);
  if (task.state == State::Unborn) {
    count_birth(task);
    task.state = State::Runnable;
    task.since_ns = ns;
    task.created_ns = ns;
    task.created_known = true;
  } else {
    ++counts_.misfits;
  }
  task.spawn_site_id = site_id;
  task.parent_id = ring.running != nullptr ? ring.running->id : 0;
  add(ring, {.ns = ns, .task_id = event.id, .site_id = site_id, .kind = EventKind::Spawn});
}

void SpanBuilder::take_run(std::size_t ring_index, const Event& event, std::int64_t ns) {
  Ring& ring = *rings_[ring_index];
  Task& task = task_of(event.id);
  StoredRow row{.task_id = event.id, .arg = event.aux, .kind = EventKind::Run};
  const bool stale = task.state != State::Unborn && is_behind(ahead(event.aux, task.sequence));
  if (ring.running != nullptr && ring.running != &task) {
    ++counts_.misfits;
    ns = leave_ring(*ring.running, ns);
  }
  if (stale) {
    ++counts_.misfits;
    row.ns = ns;
    add(ring, row);
    return;
  }
  mend(ring, task, State::Runnable, ns);
  row.ns = not_before(ring, task, ns);
  row.span_ns = close_state(task, row.ns);
  start_running(ring_index, task, event.aux, row.ns);
  add(ring, row);
}

void SpanBuilder::take_yield_or_block(Ring& ring, const Event& event, std::int64_t ns) {
  StoredRow row{.ns = ns, .kind = event.kind};
  Task* task = ring.running;
  if (task == nullptr) ++counts_.misfits;
  if (task != nullptr) {
    row.task_id = task->id;
    row.ns = not_before(ring, *task, ns);
    row.span_ns = close_state(*task, row.ns);
    task->state = State::Runnable;
  }
  if (event.kind == EventKind::Block) {
    row.object_id = event.id;
    row.site_id = trace_format::aux_site(event.aux);
    row.reason = trace_format::aux_reason(event.aux);
    if (task != nullptr) {
      task->state = State::Waiting;
      task->object_id = row.object_id;
      task->wait_site_id = row.site_id;
      task->reason = row.reason;
      if (row.object_id != 0) task->object = &objects_.wait_begins(row.object_id);
    }
  }
  add(ring, row);
}

void SpanBuilder::take_ready(Ring& ring, const Event& event, std::int64_t ns) {
  Task& task = task_of(event.id);
  StoredRow row{.task_id = event.id, .arg = event.aux, .kind = EventKind::Ready};
  if (task.state != State::Unborn && is_behind(ahead(event.aux, task.sequence))) {
    ++counts_.misfits;
    row.ns = ns;
    add(ring, row);
    return;
  }
  mend(ring, task, State::Waiting, ns);
  row.ns = not_before(ring, task, ns);
  if (task.state == State::Waiting) {
    row.object_id = task.object_id;
    row.site_id = task.wait_site_id;
    row.reason = task.reason;
  }
  row.span_ns = close_state(task, row.ns);
  task.state = State::Runnable;
  task.sequence = event.aux;
  ++task.wakeups;
  add(ring, row);
}

void SpanBuilder::take_exit(Ring& ring, const Event& event, std::int64_t ns) {
  Task* task = ring.running != nullptr && ring.running->id == event.id ? ring.running
                                                                       : tasks_.find(event.id);
  StoredRow row{.ns = ns, .task_id = event.id, .kind = EventKind::Exit};
  if (task == nullptr || task->state == State::Unborn) {
    ++counts_.misfits;
    add(ring, row);
    return;
  }
  if (ring.running != task) mend(ring, *task, State::Unknown, ns);
  row.ns = not_before(ring, *task, ns);
  row.span_ns = close_state(*task, row.ns);
  add(ring, row);
  store::TaskRow final_row = row_of(*task);
  final_row.ended_ns = row.ns;
  final_row.state = task->panicked ? TaskState::Panicked : TaskState::Done;
  final_row.state_known = true;
  writer_->put_task(final_row, store::Totals::Known);
  last_task_ = nullptr;
  tasks_.erase(event.id);
  --counts_.tasks_live;
}

// --- events of loss ----------------------------------------------------------------------------

void SpanBuilder::take_resume(std::size_t ring_index, const Event& event, std::int64_t ns) {
  Ring& ring = *rings_[ring_index];
  Task* task = event.id == 0 ? nullptr : &task_of(event.id);
  const bool runs_on = task != nullptr && ring.running == task && task->sequence == event.aux;
  if (ring.running != nullptr && !runs_on) ns = leave_ring(*ring.running, ns);
  if (task != nullptr && !runs_on) {
    const bool lost_track = task->state != State::Unborn &&
                            is_behind(ahead(event.aux, task->sequence)) &&
                            task->sequence != event.aux;
    if (!lost_track) {
      mend(ring, *task, State::Unknown, ns);
      ns = not_before(ring, *task, ns);
      start_running(ring_index, *task, event.aux, ns);
    }
  }
  add(ring, {.ns = ns, .task_id = event.id, .arg = event.aux, .kind = EventKind::Resume});
}

void SpanBuilder::lose(std::size_t ring, std::uint64_t events, std::int64_t ns) {
  count_loss(*rings_[ring], events, ns);
}

void SpanBuilder::count_loss(const Ring& ring, std::uint64_t events, std::int64_t ns) {
  const std::int64_t start_ns = ring.chunks.last_ns();
  writer_->add_lost({.worker_id = ring.totals.id,
                     .start_ns = start_ns,
                     .end_ns = std::max(ns, start_ns),
                     .events = events});
  counts_.lost_events += events;
}

// --- the rest ----------------------------------------------------------------------------------

void SpanBuilder::take_other(Ring& ring, const Event& event, std::string_view text,
                             std::int64_t ns) {
  StoredRow row{.ns = ns, .kind = event.kind};
  switch (event.kind) {
    case EventKind::Lost:
      row.arg = event.id;
      count_loss(ring, event.id, ns);
      break;
    case EventKind::Object:
      row.object_id = event.id;
      row.site_id = trace_format::aux_site(event.aux);
      row.arg = static_cast<std::uint64_t>(trace_format::aux_object_kind(event.aux));
      objects_.announce(event.id, trace_format::aux_object_kind(event.aux), row.site_id, ns);
      break;
    case EventKind::Capacity:
      row.object_id = event.id;
      row.arg = event.aux;
      objects_.set_capacity(event.id, event.aux);
      break;
    case EventKind::Close:
      row.object_id = event.id;
      row.site_id = trace_format::aux_site(event.aux);
      break;
    case EventKind::ObjectEnd:
      row.object_id = event.id;
      objects_.end(event.id, ns);
      break;
    case EventKind::SiteName:
      row.site_id = static_cast<store::SiteId>(event.id);
      break;
    case EventKind::ObjectName:
      row.object_id = event.id;
      break;
    case EventKind::TaskName:
    case EventKind::Panic:
      row.task_id = event.id;
      break;
    case EventKind::Steal:
      row.task_id = event.id;
      row.arg = trace_format::aux_victim(event.aux);
      break;
    case EventKind::WorkerStart:
    case EventKind::WorkerWake:
    case EventKind::Deadlock:
      row.arg = event.id;
      break;
    default:
      break;
  }
  take_worker_event(ring, event, ns);
  take_text(event, text);
  add(ring, row);
}

void SpanBuilder::take_worker_event(Ring& ring, const Event& event, std::int64_t ns) {
  switch (event.kind) {
    case EventKind::WorkerStart:
      ring.totals.thread_id = event.id;
      if (threads_.insert(event.id).second) {
        ++counts_.threads;
        writer_->put_thread(event.id);
      }
      break;
    case EventKind::WorkerPark:
      ring.parked_since_ns = ns;
      break;
    case EventKind::WorkerUnpark:
    case EventKind::WorkerStop:
      if (ring.parked_since_ns < 0) break;
      ring.totals.parked_ns += ns - ring.parked_since_ns;
      writer_->add_park({ring.totals.id, ring.parked_since_ns, ns});
      ring.parked_since_ns = -1;
      break;
    case EventKind::Steal:
      ++task_of(event.id).steals;
      ++ring.totals.steals;
      writer_->add_steal({.ns = ns,
                          .thief = ring.totals.id,
                          .victim = trace_format::aux_victim(event.aux),
                          .count = trace_format::aux_count(event.aux),
                          .task_id = event.id});
      break;
    default:
      break;
  }
}

void SpanBuilder::take_text(const Event& event, std::string_view text) {
  switch (event.kind) {
    case EventKind::SiteName:
      if (const auto site = trace_format::parse_site(text)) {
        writer_->put_site({.id = static_cast<store::SiteId>(event.id),
                           .file = std::string(site->file),
                           .line = site->line,
                           .function = std::string(site->function)});
      }
      break;
    case EventKind::TaskName:
      texts_of(event.id).name = text;
      break;
    case EventKind::ObjectName:
      objects_.set_name(event.id, text);
      break;
    case EventKind::Panic:
      texts_of(event.id).panic_message = text;
      task_of(event.id).panicked = true;
      break;
    default:
      break;
  }
}

void SpanBuilder::store_new_entities() {
  for (const store::TaskId id : new_tasks_) {
    Task* task = tasks_.find(id);
    if (task == nullptr || task->stored) continue;
    task->stored = true;
    writer_->put_task(row_of(*task), store::Totals::NotYet);
  }
  new_tasks_.clear();
  objects_.store_new();
}

void SpanBuilder::flush_chunks() {
  for (const auto& ring : rings_) ring->chunks.flush();
}

void SpanBuilder::end_task(Ring& nobody, Task& task, std::int64_t end_ns) {
  if (task.state != State::Unborn && task.state != State::Unknown) {
    StoredRow row{.ns = end_ns, .task_id = task.id, .kind = store::kEndRunnable};
    Ring* ring = &nobody;
    if (task.state == State::Running) {
      row.kind = store::kEndRunning;
      ring = rings_[task.ring].get();
    } else if (task.state == State::Waiting) {
      row.kind = store::kEndWaiting;
      row.object_id = task.object_id;
      row.site_id = task.wait_site_id;
      row.reason = task.reason;
    }
    row.span_ns = close_state(task, end_ns);
    add(*ring, row);
  }
  if (task.state != State::Unborn) writer_->put_task(row_of(task), store::Totals::Known);
}

std::int64_t SpanBuilder::finish(std::int64_t end_ns) {
  for (const auto& ring : rings_) end_ns = std::max(end_ns, ring->chunks.last_ns());
  std::vector<store::TaskId> ids;
  tasks_.for_each([&](store::TaskId id, const Task& task) {
    ids.push_back(id);
    end_ns = std::max(end_ns, task.since_ns);
  });
  // Spans of tasks that ran nowhere at the end belong to no worker.
  const std::size_t nobody = add_ring(store::kNoWorker);
  std::sort(ids.begin(), ids.end());
  for (const store::TaskId id : ids) end_task(*rings_[nobody], *tasks_.find(id), end_ns);
  flush_chunks();
  for (const auto& made : rings_) {
    Ring& ring = *made;
    if (ring.parked_since_ns >= 0) {
      ring.totals.parked_ns += end_ns - ring.parked_since_ns;
      writer_->add_park({ring.totals.id, ring.parked_since_ns, end_ns});
    }
    if (ring.totals.id == store::kNoWorker) continue;
    writer_->put_worker(ring.totals, store::Totals::Known);
  }
  objects_.store_all();
  return end_ns;
}

}  // namespace taskscope::ingest
