// A task's states, and who moves it between them:
//
//   from                 event    to                        function
//   Unborn               spawn    Runnable                  take_spawn
//   Unborn               alive    what it says, since 0     take_alive
//   Runnable             run      Running                   take_run
//   Running              yield    Runnable                  take_yield_or_block
//   Running              block    Waiting                   take_yield_or_block
//   Waiting              ready    Runnable                  take_ready
//   Running              exit     forgotten                 take_exit
//   Running              syscall  Syscall                   take_call
//   Syscall              syscall-end  Running               take_call
//   Running, Syscall     preempt, handoff  the same, workerless   take_worker_loss
//   workerless           by, then any of the above          take_by
//   workerless           ready    Runnable                  take_ready
//   any                  (loss)   Unknown                   mend, take_resume
//   Unknown              run      Running                   take_run
//   Unknown              ready    Runnable                  take_ready
#include "recorder/ingest/span_builder.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "runtime/trace_format/alive.h"
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

SpanBuilder::SpanBuilder(ProgramWriter writer, std::int64_t start_ns)
    : writer_(writer),
      start_ns_(start_ns),
      objects_(writer),
      label_sets_(writer),
      call_stacks_(writer) {}

SpanBuilder::Counts& SpanBuilder::Counts::operator+=(const Counts& other) {
  events += other.events;
  tasks += other.tasks;
  tasks_live += other.tasks_live;
  lost_events += other.lost_events;
  misfits += other.misfits;
  workers += other.workers;
  threads += other.threads;
  samples += other.samples;
  lost_samples += other.lost_samples;
  bare_samples += other.bare_samples;
  return *this;
}

std::size_t SpanBuilder::add_ring(store::WorkerId worker_id) {
  rings_.push_back(std::make_unique<Ring>(
      Ring{.chunks = ChunkBuilder(worker_id, compressor_, writer_), .totals = {.id = worker_id}}));
  if (worker_id != store::kNoWorker) {
    ++counts_.workers;
    writer_.put_worker(rings_.back()->totals, store::Totals::NotYet);
  } else if (outside_ring_ == kNoRing) {
    outside_ring_ = rings_.size() - 1;
  }
  return rings_.size() - 1;
}

// Where spans go that no worker has to do with.
std::size_t SpanBuilder::outside_ring() {
  return outside_ring_ == kNoRing ? add_ring(store::kNoWorker) : outside_ring_;
}

SpanBuilder::Fit SpanBuilder::fit(std::size_t ring, const Event& event) {
  const EventKind kind = event.kind;
  if (kind == EventKind::By) {
    Task* task = tasks_.find(event.id);
    if (task == nullptr || task->state == State::Unborn) {
      return is_gone(event.id) ? Fit::Now : Fit::Later;
    }
    const std::uint32_t distance = ahead(event.aux, task->sequence);
    const bool has_no_worker = task->workerless() || task->state == State::Unknown;
    if (distance == 0) return has_no_worker ? Fit::Now : Fit::Later;
    return is_behind(distance) ? Fit::Now : Fit::Later;
  }
  if (kind == EventKind::Exit) {
    // The end of a task that does not run here: its run was lost, others of it may still come.
    const Task* running = rings_[ring]->running;
    return running != nullptr && running->id == event.id ? Fit::Now : Fit::Later;
  }
  const bool resumes = kind == EventKind::Resume && event.id != 0;
  if (kind != EventKind::Run && kind != EventKind::Ready && !resumes) return Fit::Now;
  Task* task = tasks_.find(event.id);
  if (task == nullptr || task->state == State::Unborn) {
    return is_gone(event.id) ? Fit::Now : Fit::Later;
  }
  last_task_ = task;
  const std::uint32_t distance = ahead(event.aux, task->sequence);
  if (is_behind(distance)) {
    // A resume may repeat the number of the run it stands for, and then its task runs here still.
    const bool runs_elsewhere = task->on_thread() && task->ring != ring;
    return resumes && distance == 0 && runs_elsewhere ? Fit::Later : Fit::Now;
  }
  if (distance != 1) return Fit::Later;
  const State wanted = kind == EventKind::Ready ? State::Waiting : State::Runnable;
  // On other rings it is a wake-up, and the block is still to come.
  if (kind == EventKind::Ready && task->workerless() && is_outside(*rings_[ring])) return Fit::Now;
  return task->state == wanted || task->state == State::Unknown ? Fit::Now : Fit::Later;
}

// What is frequent is asked and taken here in one go: then its task is looked up once. Else fit()
// and take() say the same.
std::size_t SpanBuilder::take_in_turn(std::span<const Due> events) {
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (i + kLookAhead < events.size()) {
      tasks_.prefetch(trace_format::decode(events[i + kLookAhead].record).id);
      tasks_.prefetch_value(trace_format::decode(events[i + kLookAhead / 2].record).id);
    }
    const Due& due = events[i];
    const Event event = trace_format::decode(due.record);
    Ring& ring = *rings_[due.ring];
    const std::int64_t ns = std::max(due.ns, ring.chunks.last_ns());
    switch (event.kind) {
      case EventKind::Run:
        if (Task* task = next_of(event, State::Runnable)) {
          take_run_of(due.ring, ring, *task, event, ns);
          continue;
        }
        break;
      case EventKind::Ready:
        if (Task* task = next_of(event, State::Waiting)) {
          take_ready_of(ring, *task, event, ns);
          continue;
        }
        break;
      case EventKind::Block:
        take_yield_or_block(EventKind::Block, ring, event, ns);
        continue;
      case EventKind::Yield:
        take_yield_or_block(EventKind::Yield, ring, event, ns);
        continue;
      default:
        break;
    }
    if (fit(due.ring, event) == Fit::Later) return i;
    take(due.ring, event, {}, due.ns);
  }
  return events.size();
}

// The task of an event if that is the next one of it, and it is in the state that the event ends.
[[gnu::always_inline]] inline SpanBuilder::Task* SpanBuilder::next_of(const Event& event,
                                                                      State wanted) {
  Task* task = tasks_.find(event.id);
  const bool next =
      task != nullptr && task->state == wanted && ahead(event.aux, task->sequence) == 1;
  return next ? task : nullptr;
}

void SpanBuilder::take(std::size_t ring_index, const Event& event, std::string_view text,
                       std::int64_t ns) {
  Ring& ring = *rings_[ring_index];
  ns = std::max(ns, ring.chunks.last_ns());
  switch (event.kind) {
    case EventKind::Spawn:
      take_spawn(ring, event, ns);
      break;
    case EventKind::Alive:
      take_alive(ring_index, event, text, ns);
      break;
    case EventKind::Run:
      take_run(ring_index, event, ns);
      break;
    case EventKind::Yield:
    case EventKind::Block:
      take_yield_or_block(event.kind, ring, event, ns);
      break;
    case EventKind::Arm:
    case EventKind::Chosen:
      take_arm(ring, event, ns);
      break;
    case EventKind::Ready:
      take_ready(ring, event, ns);
      break;
    case EventKind::Exit:
      take_exit(ring, event, ns);
      break;
    case EventKind::Syscall:
    case EventKind::SyscallEnd:
      take_call(ring, event, ns);
      break;
    case EventKind::Preempt:
    case EventKind::Handoff:
      take_worker_loss(ring, event, ns);
      break;
    case EventKind::By:
      take_by(ring, event, ns);
      return;
    case EventKind::Resume:
      take_resume(ring_index, event, ns);
      break;
    case EventKind::RegionBegin:
      take_region_begin(ring, event, ns);
      break;
    case EventKind::RegionEnd:
      take_region_end(ring, event, ns);
      break;
    case EventKind::Counter:
    case EventKind::CounterText:
      take_counter(ring, event, text, ns);
      break;
    case EventKind::Log:
      take_log(ring, event, text, ns);
      break;
    case EventKind::Label:
      take_label(ring, event, text, ns);
      break;
    case EventKind::AtStack:
    case EventKind::Stack:
    case EventKind::Module:
    case EventKind::Sample:
      take_stack_event(ring, event, text, ns);
      break;
    default:
      take_other(ring, event, text, ns);
      break;
  }
  ring.acting = 0;
}

// --- tasks -------------------------------------------------------------------------------------

SpanBuilder::Task& SpanBuilder::task_of(store::TaskId id) {
  if (last_task_ != nullptr && last_task_->id == id) return *last_task_;
  Task& task = tasks_.get(id);
  task.id = id;
  last_task_ = &task;
  return task;
}

SpanBuilder::Details& SpanBuilder::details_of(Task& task) {
  if (task.details == nullptr) task.details = std::make_unique<Details>();
  return *task.details;
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
  row.spawn_stack_id = task.spawn_stack_id;
  if (task.details != nullptr) {
    row.name = task.details->name;
    row.panic_message = task.details->panic_message;
    if (task.details->labels != nullptr) row.label_set_id = task.details->labels->id;
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
    case State::Syscall:
      row.state = TaskState::Syscall;
      break;
  }
  return row;
}

[[gnu::always_inline]] inline std::int64_t SpanBuilder::close_state(Task& task, std::int64_t ns) {
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
      if (task.ring == kNoRing) break;
      rings_[task.ring]->totals.running_ns += span_ns;
      rings_[task.ring]->running = nullptr;
      break;
    case State::Syscall:
      state = TaskState::Syscall;
      if (task.ring == kNoRing) break;
      rings_[task.ring]->totals.syscall_ns += span_ns;
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

// The row of the span that a task is in, as an end of the recording would close it; time and length
// are left to the caller. REQUIRES: its state is known.
StoredRow SpanBuilder::open_span_row(const Task& task) const {
  StoredRow row{.task_id = task.id, .kind = store::kEndRunnable};
  if (task.on_thread()) {
    const bool running = task.state == State::Running;
    row.kind = running ? store::kEndRunning : store::kEndSyscall;
    if (!running) row.site_id = task.wait_site_id;
    if (task.ring == kNoRing) row.arg = task.thread_id;
  } else if (task.state == State::Waiting) {
    row.kind = store::kEndWaiting;
    row.object_id = task.object_id;
    row.site_id = task.wait_site_id;
    row.reason = task.reason;
    row.stack_id = task.stack_id;
  }
  return row;
}

// Ends the state of a task that runs or is in a call, with a row of its own: an event that does so
// was lost, or does not say what it ends. Returns when.
std::int64_t SpanBuilder::leave_thread(Task& task, std::int64_t ns) {
  Ring& ring = *rings_[task.ring == kNoRing ? outside_ring() : task.ring];
  StoredRow row = open_span_row(task);
  row.kind = task.state == State::Running ? store::kCloseRunning : store::kCloseSyscall;
  row.ns = not_before(ring, task, ns);
  row.span_ns = close_state(task, row.ns);
  add(ring, row);
  task.state = State::Unknown;
  return row.ns;
}

// Ends the task's state with an event's row. What the kind of the event cannot end gets a row of
// its own before it.
[[gnu::always_inline]] inline void SpanBuilder::close_with(Ring& ring, Task& task, StoredRow& row) {
  const State ends = store::closed_state(row.kind, row.reason) == TaskState::Syscall
                         ? State::Syscall
                         : State::Running;
  if (task.on_thread() && task.state != ends) {
    ++counts_.misfits;
    row.ns = leave_thread(task, row.ns);
  }
  row.ns = not_before(ring, task, row.ns);
  row.span_ns = close_state(task, row.ns);
}

// Brings a task whose events were lost to where an event wants it; `wanted` itself is not assumed:
// what is not known stays Unknown.
[[gnu::always_inline]] inline void SpanBuilder::mend(Ring& ring, Task& task, State wanted,
                                                     std::int64_t& ns) {
  if (task.state != wanted && task.state != State::Unknown) mend_other(ring, task, ns);
}

void SpanBuilder::mend_other(Ring& ring, Task& task, std::int64_t& ns) {
  if (task.state == State::Unborn) {
    count_birth(task);
    ++counts_.misfits;
    task.since_ns = ns;
    return;
  }
  ++counts_.misfits;
  if (task.on_thread()) {
    ns = leave_thread(task, ns);
    return;
  }
  ns = not_before(ring, task, ns);
  StoredRow row = open_span_row(task);
  row.ns = ns;
  row.kind = task.state == State::Waiting ? store::kCloseWaiting : store::kCloseRunnable;
  row.span_ns = close_state(task, ns);
  add(ring, row);
  task.state = State::Unknown;
}

[[gnu::always_inline]] inline void SpanBuilder::start_running(std::size_t ring_index, Task& task,
                                                              std::uint32_t sequence,
                                                              std::int64_t ns) {
  task.state = State::Running;
  task.ring = static_cast<std::uint32_t>(ring_index);
  task.sequence = sequence;
  task.since_ns = ns;
  Ring& ring = *rings_[ring_index];
  ring.running = &task;
  if (ring.idle != Idle::No) end_idle(ring, ns);
}

void SpanBuilder::add(Ring& ring, const StoredRow& row) {
  if (store::is_event(row.kind)) {
    ++counts_.events;
    ++ring.totals.events;
  }
  if (writer_.renumbers()) return ring.chunks.add(writer_.renumbered(row));
  ring.chunks.add(row);
}

// The same for a row of a kind that is known where this is compiled.
[[gnu::always_inline]] inline void SpanBuilder::add_as(EventKind kind, Ring& ring,
                                                       const StoredRow& row) {
  ++counts_.events;
  ++ring.totals.events;
  if (writer_.renumbers()) [[unlikely]] {
    return ring.chunks.add(writer_.renumbered(row));
  }
  ring.chunks.add_as(kind, row);
}

// --- events of tasks ---------------------------------------------------------------------------

void SpanBuilder::take_too_late(Ring& ring, const Event& event, std::int64_t ns) {
  ++counts_.misfits;
  // Something else runs on this ring from now on, or nothing.
  const bool runs = event.kind == EventKind::Run || event.kind == EventKind::Resume;
  if (runs && ring.running != nullptr) {
    ns = leave_thread(*ring.running, ns);
  }
  StoredRow row{.ns = ns, .task_id = event.id, .kind = event.kind};
  if (event.kind == EventKind::Spawn) {
    row.site_id = trace_format::aux_site(event.aux);
  } else if (event.kind != EventKind::By) {
    row.arg = event.aux;
  }
  add(ring, row);
}

void SpanBuilder::take_spawn(Ring& ring, const Event& event, std::int64_t ns) {
  if (is_gone(event.id)) return take_too_late(ring, event, ns);
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
  task.spawn_stack_id = std::exchange(ring.next_stack, 0);
  const Task* parent = actor_of(ring);
  task.parent_id = parent != nullptr ? parent->id : 0;
  if (parent != nullptr && parent->details != nullptr) inherit_labels(*parent, task);
  add_as(EventKind::Spawn, ring,
         {.ns = ns,
          .task_id = event.id,
          .site_id = site_id,
          .kind = EventKind::Spawn,
          .stack_id = task.spawn_stack_id});
}

// A task older than the recording: it has been in its state since that of its program began.
void SpanBuilder::take_alive(std::size_t ring_index, const Event& event, std::string_view text,
                             std::int64_t ns) {
  Ring& ring = *rings_[ring_index];
  Task& task = task_of(event.id);
  StoredRow row{.ns = ns, .task_id = event.id, .kind = EventKind::Alive};
  const auto alive = trace_format::parse_alive(text);
  if (!alive || task.state != State::Unborn || is_gone(event.id)) {
    ++counts_.misfits;
    add(ring, row);
    return;
  }
  count_birth(task);
  task.since_ns = start_ns_;
  task.sequence = alive->seq;
  task.spawn_site_id = alive->spawn_site;
  task.parent_id = alive->parent;
  switch (alive->state) {
    case trace_format::AliveState::Runnable:
      task.state = State::Runnable;
      break;
    case trace_format::AliveState::Running:
    case trace_format::AliveState::Syscall:
      if (ring.running != nullptr) {
        ++counts_.misfits;
        row.ns = leave_thread(*ring.running, ns);
      }
      task.state =
          alive->state == trace_format::AliveState::Running ? State::Running : State::Syscall;
      task.ring = is_outside(ring) ? kNoRing : static_cast<std::uint32_t>(ring_index);
      task.thread_id = 0;
      if (!is_outside(ring)) ring.running = &task;
      break;
    case trace_format::AliveState::Blocked:
      task.state = State::Waiting;
      task.reason = row.reason = alive->reason;
      task.wait_site_id = row.site_id = alive->wait_site;
      task.object_id = row.object_id = alive->object;
      if (alive->object != 0) task.object = &objects_.wait_begins(alive->object, nullptr);
      break;
  }
  row.arg = alive->age_ns;
  add(ring, row);
}

void SpanBuilder::take_run(std::size_t ring_index, const Event& event, std::int64_t ns) {
  Ring& ring = *rings_[ring_index];
  if (is_gone(event.id)) return take_too_late(ring, event, ns);
  take_run_of(ring_index, ring, task_of(event.id), event, ns);
}

[[gnu::always_inline]] inline void SpanBuilder::take_run_of(std::size_t ring_index, Ring& ring,
                                                            Task& task, const Event& event,
                                                            std::int64_t ns) {
  StoredRow row{.task_id = event.id, .arg = event.aux, .kind = EventKind::Run};
  const bool stale = task.state != State::Unborn && is_behind(ahead(event.aux, task.sequence));
  if (ring.running != nullptr && ring.running != &task) {
    ++counts_.misfits;
    ns = leave_thread(*ring.running, ns);
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
  add_as(EventKind::Run, ring, row);
}

[[gnu::always_inline]] inline void SpanBuilder::take_yield_or_block(EventKind kind, Ring& ring,
                                                                    const Event& event,
                                                                    std::int64_t ns) {
  StoredRow row{.ns = ns, .kind = kind};
  Task* task = actor_of(ring);
  if (task == nullptr) ++counts_.misfits;
  if (task != nullptr) {
    row.task_id = task->id;
    close_with(ring, *task, row);
    task->state = State::Runnable;
  }
  if (kind == EventKind::Block) {
    row.object_id = event.id;
    row.site_id = trace_format::aux_site(event.aux);
    row.reason = trace_format::aux_reason(event.aux);
    // Without stacks their part of a task is not even looked at.
    if (has_stacks_) [[unlikely]] {
      row.stack_id = std::exchange(ring.next_stack, 0);
      if (task != nullptr) task->stack_id = static_cast<trace_format::StackId>(row.stack_id);
    }
    if (task != nullptr) {
      task->state = State::Waiting;
      task->object_id = row.object_id;
      task->wait_site_id = row.site_id;
      task->reason = row.reason;
      if (row.object_id != 0) {
        task->object = &objects_.wait_begins(row.object_id, task->last_object);
        task->last_object = task->object;
      }
    }
  }
  add_as(kind, ring, row);
}

// One more thing that the block to come is for, at the same time, or the one that has ended it. The
// task goes on.
void SpanBuilder::take_arm(Ring& ring, const Event& event, std::int64_t ns) {
  StoredRow row{.ns = ns, .object_id = event.id, .arg = event.aux, .kind = event.kind};
  if (const Task* task = actor_of(ring)) {
    row.task_id = task->id;
    row.ns = not_before(ring, *task, ns);
  } else {
    ++counts_.misfits;
  }
  add(ring, row);
}

void SpanBuilder::take_ready(Ring& ring, const Event& event, std::int64_t ns) {
  if (is_gone(event.id)) return take_too_late(ring, event, ns);
  take_ready_of(ring, task_of(event.id), event, ns);
}

[[gnu::always_inline]] inline void SpanBuilder::take_ready_of(Ring& ring, Task& task,
                                                              const Event& event, std::int64_t ns) {
  StoredRow row{.task_id = event.id, .arg = event.aux, .kind = EventKind::Ready};
  if (task.state != State::Unborn && is_behind(ahead(event.aux, task.sequence))) {
    ++counts_.misfits;
    row.ns = ns;
    add(ring, row);
    return;
  }
  // Back from its call, or at last in need of a worker: nobody woke it.
  const bool returns = task.workerless() && is_outside(ring);
  if (returns) ns = leave_thread(task, ns);
  mend(ring, task, State::Waiting, ns);
  row.ns = not_before(ring, task, ns);
  if (task.state == State::Waiting) {
    row.object_id = task.object_id;
    row.site_id = task.wait_site_id;
    row.reason = task.reason;
    if (has_stacks_) [[unlikely]]
      row.stack_id = task.stack_id;
  }
  row.span_ns = close_state(task, row.ns);
  task.state = State::Runnable;
  task.sequence = event.aux;
  if (!returns) ++task.wakeups;
  add_as(EventKind::Ready, ring, row);
}

void SpanBuilder::take_exit(Ring& ring, const Event& event, std::int64_t ns) {
  const Task* actor = actor_of(ring);
  Task* task = ring.running != nullptr && ring.running->id == event.id ? ring.running
                                                                       : tasks_.find(event.id);
  StoredRow row{.ns = ns, .task_id = event.id, .kind = EventKind::Exit};
  if (task == nullptr || task->state == State::Unborn) {
    ++counts_.misfits;
    add(ring, row);
    return;
  }
  row.ns = ns;
  if (actor != task) {
    ended_out_of_turn_.insert(event.id);
    mend(ring, *task, State::Unknown, row.ns);
  }
  leave_regions_open(ring, *task, 0, row.ns);
  close_with(ring, *task, row);
  add_as(EventKind::Exit, ring, row);
  store::TaskRow final_row = row_of(*task);
  final_row.ended_ns = row.ns;
  final_row.state = task->panicked ? TaskState::Panicked : TaskState::Done;
  final_row.state_known = true;
  writer_.put_task(std::move(final_row), store::Totals::Known);
  last_task_ = nullptr;
  tasks_.erase(event.id);
  --counts_.tasks_live;
}

// --- calls, and tasks without a worker -----------------------------------------------------------

void SpanBuilder::take_call(Ring& ring, const Event& event, std::int64_t ns) {
  StoredRow row{.ns = ns, .kind = event.kind};
  const bool begins = event.kind == EventKind::Syscall;
  Task* task = actor_of(ring);
  if (begins) row.site_id = trace_format::aux_site(event.aux);
  if (task == nullptr) {
    ++counts_.misfits;
  } else {
    row.task_id = task->id;
    if (!begins) row.site_id = task->wait_site_id;
    close_with(ring, *task, row);
    task->state = begins ? State::Syscall : State::Running;
    task->wait_site_id = row.site_id;
    if (task->ring != kNoRing) rings_[task->ring]->running = task;
  }
  add(ring, row);
}

// Preempt and handoff: the task goes on as it was, on the thread that it takes along.
void SpanBuilder::take_worker_loss(Ring& ring, const Event& event, std::int64_t ns) {
  StoredRow row{.ns = ns, .task_id = event.id, .kind = event.kind};
  Task* task = ring.running;
  if (task == nullptr || task->id != event.id) {
    ++counts_.misfits;
    add(ring, row);
    return;
  }
  const State state = task->state;
  if (state == State::Syscall) row.site_id = task->wait_site_id;
  close_with(ring, *task, row);
  task->state = state;
  task->ring = kNoRing;
  task->thread_id = ring.totals.thread_id;
  task->since_ns = row.ns;
  add(ring, row);
}

void SpanBuilder::take_by(Ring& ring, const Event& event, std::int64_t ns) {
  if (is_gone(event.id)) return take_too_late(ring, event, ns);
  Task& task = task_of(event.id);
  const std::uint32_t distance = ahead(event.aux, task.sequence);
  const bool stale = task.state != State::Unborn && distance != 0 && is_behind(distance);
  StoredRow row{.ns = ns, .task_id = event.id, .kind = EventKind::By};
  if (stale) {
    ++counts_.misfits;
  } else {
    if (!task.workerless() || distance != 0) {
      // How it got there was lost; that it runs on a thread of its own is known from here on.
      mend(ring, task, State::Unknown, ns);
      task.state = State::Running;
      task.ring = kNoRing;
      task.thread_id = 0;
      task.sequence = event.aux;
      task.since_ns = not_before(ring, task, ns);
    }
    row.ns = not_before(ring, task, ns);
    row.arg = task.thread_id;
    ring.acting = task.id;
  }
  add(ring, row);
}

// --- events of loss ----------------------------------------------------------------------------

void SpanBuilder::take_resume(std::size_t ring_index, const Event& event, std::int64_t ns) {
  Ring& ring = *rings_[ring_index];
  if (is_gone(event.id)) return take_too_late(ring, event, ns);
  Task* task = event.id == 0 ? nullptr : &task_of(event.id);
  const bool runs_on = task != nullptr && ring.running == task && task->sequence == event.aux;
  if (ring.running != nullptr && !runs_on) ns = leave_thread(*ring.running, ns);
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
  const std::int64_t start_ns = std::max(ring.chunks.last_ns(), start_ns_);
  writer_.add_lost({.worker_id = ring.totals.id,
                    .start_ns = start_ns,
                    .end_ns = std::max(ns, start_ns),
                    .events = events});
  counts_.lost_events += events;
}

void SpanBuilder::store_new_entities() {
  for (const store::TaskId id : new_tasks_) {
    Task* task = tasks_.find(id);
    if (task == nullptr || task->stored) continue;
    task->stored = true;
    writer_.put_task(row_of(*task), store::Totals::NotYet);
  }
  new_tasks_.clear();
  objects_.store_new();
}

std::size_t SpanBuilder::show_chunks(ChunkBuilder::Show which) {
  std::size_t rows = 0;
  for (const auto& ring : rings_) rows += ring->chunks.show(which);
  return rows;
}

void SpanBuilder::add_shown(std::vector<store::Cut::Part>& parts) const {
  for (const auto& ring : rings_) {
    if (const store::Cut::Part part = ring->chunks.shown(); part.rows > 0) parts.push_back(part);
  }
}

void SpanBuilder::flush_chunks() {
  for (const auto& ring : rings_) ring->chunks.flush();
}

void SpanBuilder::end_task(Ring& nobody, Task& task, std::int64_t end_ns) {
  leave_regions_open(nobody, task, 0, end_ns);
  if (task.state != State::Unborn && task.state != State::Unknown) {
    StoredRow row = open_span_row(task);
    row.ns = end_ns;
    Ring& ring = task.on_thread() && task.ring != kNoRing ? *rings_[task.ring] : nobody;
    row.span_ns = close_state(task, end_ns);
    add(ring, row);
  }
  if (task.state != State::Unborn) writer_.put_task(row_of(task), store::Totals::Known);
}

std::vector<store::WaitingGroup> SpanBuilder::waiting_groups(std::int64_t now_ns) {
  using Key = std::tuple<store::SiteId, store::SiteId, store::BlockReason>;
  std::map<Key, store::WaitingGroup> groups;
  tasks_.for_each([&](store::TaskId, const Task& task) {
    if (task.state != State::Waiting) return;
    store::WaitingGroup& group = groups[{task.spawn_site_id, task.wait_site_id, task.reason}];
    group.program_id = writer_.program();
    group.spawn_site_id = store::site_id_of(writer_.program(), task.spawn_site_id);
    group.wait_site_id = store::site_id_of(writer_.program(), task.wait_site_id);
    group.reason = task.reason;
    ++group.tasks;
    group.longest_ns = std::max(group.longest_ns, now_ns - task.since_ns);
  });
  std::vector<store::WaitingGroup> found;
  found.reserve(groups.size());
  for (const auto& [key, group] : groups) found.push_back(group);
  return found;
}

std::int64_t SpanBuilder::last_ns() const {
  std::int64_t ns = 0;
  for (const auto& ring : rings_) ns = std::max(ns, ring->chunks.last_ns());
  return ns;
}

std::int64_t SpanBuilder::finish(std::int64_t end_ns) {
  end_ns = std::max(end_ns, last_ns());
  std::vector<store::TaskId> ids;
  tasks_.for_each([&](store::TaskId id, const Task& task) {
    ids.push_back(id);
    end_ns = std::max(end_ns, task.since_ns);
  });
  // Spans of tasks that ran nowhere at the end belong to no worker.
  const std::size_t nobody = outside_ring();
  std::sort(ids.begin(), ids.end());
  for (const store::TaskId id : ids) end_task(*rings_[nobody], *tasks_.find(id), end_ns);
  flush_chunks();
  for (const auto& made : rings_) {
    Ring& ring = *made;
    if (ring.idle != Idle::No) end_idle(ring, end_ns);
    if (ring.totals.id == store::kNoWorker) continue;
    writer_.put_worker(ring.totals, store::Totals::Known);
  }
  objects_.store_all();
  call_stacks_.name_frames();
  for (const auto& [id, counter] : counters_) {
    writer_.put_counter(counter.row, store::Totals::Known);
  }
  label_sets_.forget(end_ns);
  return end_ns;
}

}  // namespace taskscope::ingest
