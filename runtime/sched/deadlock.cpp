#include "runtime/sched/deadlock.h"

#include <dirent.h>

#include <map>
#include <string>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/sanitizer.h"
#include "runtime/instrument/trace_file.h"
#include "runtime/instrument/traced_lock.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_info.h"

namespace taskscope::sched {
namespace {

// Threads that are neither ours nor the one in ts::run; at least 1 if /proc cannot be read.
std::size_t foreign_threads(std::size_t ours) {
  DIR* directory = opendir("/proc/self/task");
  if (directory == nullptr) return 1;
  std::size_t threads = 0;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') ++threads;
  }
  closedir(directory);
  // ThreadSanitizer keeps a thread of its own.
  const std::size_t known = ours + 1 + (TASKSCOPE_TSAN ? 1 : 0);
  return threads > known ? threads - known : 0;
}

using TasksById = std::map<TaskId, const Task*>;

// Who has what `task` waits for, if that is a lock.
std::string describe_holder(const Task& task, const TasksById& tasks, std::int64_t now_ns) {
  using trace_format::ObjectKind;
  const instrument::TracedObject* const object = task.wait.object;
  if (object == nullptr ||
      (object->kind() != ObjectKind::Mutex && object->kind() != ObjectKind::RwMutex)) {
    return {};
  }
  using instrument::TracedLock;
  const auto& lock = static_cast<const TracedLock&>(*object);
  const std::uint32_t state = lock.state.load(std::memory_order_relaxed);
  if ((state & TracedLock::kLocked) == 0) {
    const std::uint32_t readers = state / TracedLock::kReader;
    if (readers == 0) return {};
    return readers == 1 ? "a reader has it" : std::to_string(readers) + " readers have it";
  }
  const TaskId holder = lock.holder.load(std::memory_order_relaxed);
  if (holder == 0) return "a thread that is no task's has it";
  if (holder == task.id) return "it has that already";
  const auto found = tasks.find(holder);
  if (found == tasks.end()) {
    return "task " + std::to_string(holder) + " had it when it ended";
  }
  // It took it before it began to wait itself.
  const std::int64_t seconds =
      (now_ns - found->second->wait_since_ns.load(std::memory_order_relaxed)) / 1'000'000'000;
  const std::string name = debug::format_task(task_info(*found->second));
  if (seconds == 0) return name + " has it";
  return name + " has had it for at least " + std::to_string(seconds) + " s";
}

std::string name_of(const instrument::TracedObject* object) {
  return object == nullptr || object->name() == nullptr ? "" : object->name();
}

// What a select waits for.
std::vector<debug::BlockedTask::Arm> describe_arms(const Task& task) {
  std::vector<debug::BlockedTask::Arm> arms;
  each_arm(task.wait, [&](const WaitArm& arm) {
    if (arm.object == nullptr) return;  // a time: then it is no deadlock
    arms.push_back({.operation = trace_format::to_text(arm.operation),
                    .kind = trace_format::to_text(arm.object->kind()),
                    .object = name_of(arm.object),
                    .made_at = arm.object->made_at()});
  });
  return arms;
}

}  // namespace

void report_if_deadlocked(Scheduler& scheduler) {
  // A thread of ours that is not up yet counts as foreign; it looks itself before it sleeps.
  const std::size_t monitor = 1;
  const std::size_t listener = scheduler.attach_listener().runs() ? 1 : 0;
  const std::size_t writer = instrument::TraceFile::exists() ? 1 : 0;
  if (foreign_threads(scheduler.threads_up() + monitor + listener + writer) != 0) return;
  // In this order: a thread that is gone now may have made a task ready just before.
  if (!scheduler.all_asleep() || scheduler.stopping()) return;
  const std::int64_t now_ns = base::monotonic_ns();
  TasksById live;
  scheduler.tasks().for_each_live([&](const Task& task) {
    // A task that has just ended is being cleared away.
    if (task.state.load(std::memory_order_acquire) == TaskState::Blocked) live[task.id] = &task;
  });
  std::vector<debug::BlockedTask> tasks;
  for (const auto& [id, pointer] : live) {
    const Task& task = *pointer;
    tasks.push_back({.task = task_info(task),
                     .reason = trace_format::to_text(task.wait.reason),
                     .wait_site = task.wait.site(),
                     .object = name_of(task.wait.object),
                     .arms = describe_arms(task),
                     .holder = describe_holder(task, live, now_ns),
                     .waited_ns = now_ns - task.wait_since_ns.load(std::memory_order_relaxed)});
  }
  scheduler.tracing().outside([&](instrument::Lane& lane) { lane.deadlock(tasks.size()); });
  die(debug::deadlock_report(tasks));
}

}  // namespace taskscope::sched
