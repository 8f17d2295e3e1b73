#include "runtime/sched/worker.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/sched/call_stack.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_texts.h"

namespace taskscope::sched {
namespace {

// Every so often the loop looks at the global queue first (a prime, as in Go, so that it does not
// beat with a program's own rhythm).
constexpr std::uint32_t kGlobalEvery = 61;

}  // namespace

Worker::Worker(Scheduler& scheduler, std::uint32_t index, instrument::Lane* lane)
    : scheduler_(scheduler),
      index_(index),
      lane_(lane),
      random_state_(index * 2'654'435'769u + 1),
      tasks_(scheduler.tasks()),
      stacks_(scheduler.stacks()) {}

// ---- Picking ------------------------------------------------------------------------------------

Task* Worker::pick_quick() {
  if (attention() != 0) [[unlikely]]
    return nullptr;
  if (tick() % kGlobalEvery == 0) return nullptr;
  if (scheduler_.timers().any_due(index_)) return nullptr;
  return pick_local();
}

Task* Worker::pick_local() {
  if (Task* next = queue_.take_next()) {
    if (++next_streak_ < kNextStreakMax) return next;
    if (queue_.size() == 0) {
      begin_slice();
      return next;
    }
    queue_again(next);
  }
  begin_slice();
  Task* const task = queue_.pop();
  // Memory takes some 100 ns to come, a task that does next to nothing 30.
  if (const Task* soon = queue_.peek(kPrefetchAhead)) soon->prefetch();
  return task;
}

bool Worker::others_wait() const {
  return !queue_.looks_empty() || scheduler_.global().size() != 0 ||
         scheduler_.timers().any_due(index_) || scheduler_.poller().active();
}

Task* Worker::find_work() {
  for (;;) {
    if (const std::uint32_t asked = attention(); asked != 0) [[unlikely]] {
      if ((asked & kPreempt) != 0) end_slice();
      withdraw(kPreempt);
      if ((asked & kTrace) != 0) scheduler_.tracing().pass(*this, thread()->os_id(), false);
      if ((asked & (kStop | kRetire)) != 0) {
        stop_spinning();
        return nullptr;
      }
    }
    // A worker that is always busy looks after the timers of idle and hogged ones now and then.
    const bool look_around = std::exchange(look_far_, false) || tick() % kGlobalEvery == 0;
    fire_timers(look_around);
    Task* task = look_around ? pick_far() : nullptr;
    if (task == nullptr) task = pick_local();
    if (task == nullptr) task = pick_global(RunQueue<Task>::kCapacity / 2);
    if (task == nullptr) task = pick_polled();
    if (task == nullptr && fire_timers(true)) continue;
    if (task == nullptr && start_spinning()) task = search_others();
    if (task != nullptr) stop_spinning();
    return task;
  }
}

Task* Worker::pick_far() {
  if (lane_ != nullptr) lane_->queue_length(queue_.size(), scheduler_.global().size());
  Task* const task = pick_global(1);
  if (task != nullptr) begin_slice();
  // A queue that never empties must not keep the network waiting either.
  return task != nullptr ? task : pick_polled();
}

bool Worker::fire_timers(bool all) {
  Timers& timers = scheduler_.timers();
  const std::size_t fired =
      all ? timers.fire_due_anywhere(index_, lane_) : timers.fire_due(index_, lane_);
  if (fired != 0) offer_queued();
  return fired != 0;
}

Task* Worker::pick_polled() {
  if (!scheduler_.poller().active()) return nullptr;
  const PolledTasks tasks = scheduler_.poller().poll(0);
  if (tasks.first == nullptr) return nullptr;
  queue_polled(tasks);
  return pick_local();
}

void Worker::queue_polled(PolledTasks tasks) {
  if (lane_ != nullptr) lane_->poll_wake(tasks.count);
  while (Task* task = tasks.first) {
    tasks.first = task->link;
    make_ready_last(task);
  }
  // Another may be of use to the tasks, or must keep time for this worker.
  if (tasks.count > 1 || scheduler_.timers().earliest_ns() != Timers::kNever) offer_queued();
}

Task* Worker::pick_global(std::size_t count) {
  GlobalQueue& global = scheduler_.global();
  // A fair share, so that one worker does not take what all could do.
  const std::size_t share = global.size() / scheduler_.worker_count() + 1;
  std::array<Task*, RunQueue<Task>::kCapacity / 2> tasks;
  const std::size_t taken = global.pop(tasks.data(), std::min({count, share, tasks.size()}));
  if (taken == 0) return nullptr;
  for (std::size_t i = 1; i < taken; ++i) queue_last(tasks[i]);
  if (taken > 1) offer_queued();
  return tasks[0];
}

// ---- Making tasks runnable ----------------------------------------------------------------------

// Who wakes or starts another is named in the trace.
void Worker::introduce_actor() {
  if (Task* actor = thread()->task()) Tracing::introduce(*lane_, *actor);
}

// Apart, so that what an unrecorded run does stays small enough to be inlined.
[[gnu::noinline]] void Worker::trace_ready(Task* task) {
  introduce_actor();
  Tracing::introduce(*lane_, *task);
  lane_->ready(task->id, task->seq + 1);
}

inline void Worker::mark_ready(Task* task) {
  if (lane_ != nullptr) [[unlikely]]
    trace_ready(task);
  ++task->seq;
  task->state.store(TaskState::Runnable, std::memory_order_relaxed);
  base::annotate_release(task);
}

void Worker::make_ready(Task* task) {
  mark_ready(task);
  queue_first(task);
}

void Worker::make_ready_last(Task* task) {
  mark_ready(task);
  queue_last(task);
}

void Worker::submit(Task* task, std::string_view name, const Task* parent) {
  if (next_id_ == end_id_) [[unlikely]] {
    next_id_ = scheduler_.take_ids(Scheduler::kIdBlock);
    end_id_ = next_id_ + Scheduler::kIdBlock;
  }
  task->id = next_id_++;
  task->parent = parent == nullptr ? 0 : parent->id;
  task->seq = 0;
  const LabelSet* const labels =
      parent == nullptr ? scheduler_.strangers_labels() : labels_of(*parent);
  if (labels != nullptr || !name.empty()) TaskTexts::set(*task, name, labels);
  if (lane_ != nullptr) {
    introduce_actor();
    Tracing::introduce_new(*lane_, *task);
    const auto where = lane_->site(task->spawn_site());
    // A timer's task is started on the worker's own stack.
    const auto stack = parent == nullptr ? 0 : calls_here(*lane_, scheduler_.stacks());
    const std::uint64_t ticks = lane_->now();
    lane_->at_stack(ticks, stack);
    lane_->spawn(ticks, task->id, where);
    if (!name.empty()) lane_->task_name(task->id, name);
  }
  ++spawned_;
  // Release: who finds the task from outside sees it whole.
  task->state.store(TaskState::Runnable, std::memory_order_release);
  base::annotate_release(task);
  queue_first(task);
}

void Worker::queue_first(Task* task) {
  if (Task* previous = queue_.exchange_next(task)) {
    queue_last(previous);
    scheduler_.wake_one_if_useful(lane_);
  } else {
    offer_next();
  }
}

// What lies alone in a next-slot usually runs here in a moment, and whoever was woken for it looks
// in vain: two tasks that wake each other in turn would keep a second core busy with nothing, and
// pay for its wake-ups. So each vain search doubles how many next-slots are kept back before the
// next try. The monitor wakes somebody for one that waits all the same, and starts afresh.
void Worker::offer_next() {
  if (scheduler_.idle().count() == 0) return;
  if (++kept_back_ < std::uint32_t{1} << scheduler_.vain_searches()) return;
  kept_back_ = 0;
  scheduler_.wake_one_if_useful(lane_);
}

void Worker::queue_again(Task* task) {
  queue_last(task);
  offer_queued();
}

void Worker::queue_last(Task* task) {
  if (!queue_.push(task)) [[unlikely]]
    overflow(task);
}

void Worker::offer_queued() {
  // Nobody else to tell. This is what a yield costs most, so it is worth the branch.
  if (scheduler_.workers_made() == 1) return;
  // The submit step of the wake-up recipe (scheduler.h): the push before it comes before the look
  // at the idle pool in the one order of all sequentially consistent steps.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  scheduler_.wake_one_if_useful(lane_);
}

void Worker::overflow(Task* task) {
  queue_.spill(task, [this](Task* const* tasks, std::uint32_t count) {
    scheduler_.global().push(tasks, count);
  });
}

void Worker::give_tasks_away() {
  while (Task* task = pick_local()) scheduler_.global().push(task);
}

std::uint32_t Worker::random() {
  // xorshift32 (Marsaglia): only spreads thieves over victims. Each worker has the same numbers in
  // every run; when it draws one depends on the threads' timing, which no seed repeats.
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 17;
  random_state_ ^= random_state_ << 5;
  return random_state_;
}

}  // namespace taskscope::sched
