#include "runtime/sched/parked_stacks.h"

#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "runtime/sched/scheduler.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {
namespace {

constexpr std::size_t kPortion = 4096;  // tasks looked at in one step

long membarrier(int command) { return syscall(SYS_membarrier, command, 0, 0); }

// What any thread does after this comes after what this one did before, and the other way round.
void barrier_in_all_threads() { membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED); }

bool is_blocked(const Task& task) {
  return task.state.load(std::memory_order_acquire) == TaskState::Blocked;
}

}  // namespace

void ParkedStacks::start() {
  possible_ = membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) == 0;
}

bool ParkedStacks::step(std::int64_t now_ns) {
  if (!possible_) return false;
  switch (phase_) {
    case Phase::Resting:
      if (now_ns - pass_ns_ < long_ns_.load(std::memory_order_relaxed)) return false;
      pass_before_ns_ = std::exchange(pass_ns_, now_ns);
      next_task_ = 0;
      phase_ = Phase::Looking;
      return true;
    case Phase::Looking:
      look();
      return true;
    case Phase::Settling:
      if (all_settled()) give_back();
      return true;
  }
  return false;
}

std::int64_t ParkedStacks::due_ns(std::int64_t since_ns) const {
  const std::int64_t long_ns = long_ns_.load(std::memory_order_relaxed);
  const bool done = phase_ == Phase::Resting && pass_ns_ >= since_ns + long_ns;
  return !possible_ || done ? 0 : std::max(since_ns, pass_ns_) + long_ns;
}

void ParkedStacks::look() {
  // Waits that had become long when the pass before began were dealt with then.
  const std::int64_t long_ns = long_ns_.load(std::memory_order_relaxed);
  const std::int64_t newest = pass_ns_ - long_ns;
  const std::int64_t oldest = long_ns == 0 ? 0 : pass_before_ns_ - long_ns;
  const TaskArena& tasks = scheduler_.tasks();
  tasks.for_some_live(next_task_, kPortion, [&](Task& task) {
    if (!is_blocked(task)) return;
    const std::int64_t since = task.wait_since_ns.load(std::memory_order_relaxed);
    if (since > oldest && since <= newest) tasks_.push_back(&task);
  });
  next_task_ += kPortion;
  if (!tasks_.empty()) claim();
  if (tasks_.empty() && next_task_ >= tasks.size()) phase_ = Phase::Resting;
}

void ParkedStacks::claim() {
  std::erase_if(tasks_, [](Task* task) { return !task->stack.claim(); });
  barrier_in_all_threads();
  std::erase_if(tasks_, [](Task* task) {
    const bool blocked = is_blocked(*task);
    if (!blocked) task->stack.withdraw();
    return !blocked;
  });
  if (tasks_.empty()) return;
  barrier_in_all_threads();
  thread_settled_.clear();
  phase_ = Phase::Settling;
}

bool ParkedStacks::all_settled() {
  bool all = true;
  std::size_t index = 0;
  scheduler_.for_each_thread([&](const Thread& thread) {
    if (index == thread_settled_.size()) thread_settled_.push_back(false);
    if (thread.is_settled()) thread_settled_[index] = true;
    if (!thread_settled_[index]) all = false;
    ++index;
  });
  return all;
}

void ParkedStacks::give_back() {
  barrier_in_all_threads();
  for (Task* task : tasks_) {
    if (!task->stack.begin_giving()) continue;
    scheduler_.stacks().give_memory_back_below(task->stack.id(), task->context.left_at());
    task->stack.end_giving();
  }
  tasks_.clear();
  phase_ = next_task_ < scheduler_.tasks().size() ? Phase::Looking : Phase::Resting;
}

}  // namespace taskscope::sched
