#include "runtime/sched/deadlock.h"

#include <dirent.h>

#include <map>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/sanitizer.h"
#include "runtime/instrument/trace_file.h"
#include "runtime/sched/describe_wait.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_info.h"

namespace taskscope::sched {

std::size_t foreign_threads(Scheduler& scheduler, std::size_t ours) {
  DIR* directory = opendir("/proc/self/task");
  if (directory == nullptr) return 1;
  std::size_t threads = 0;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') ++threads;
  }
  closedir(directory);
  const std::size_t monitor = scheduler.monitor().runs() ? 1 : 0;
  const std::size_t listener = scheduler.attach_listener().runs() ? 1 : 0;
  const std::size_t writer = instrument::TraceFile::exists() ? 1 : 0;
  const std::size_t watch = scheduler.leak_watch().runs() ? 1 : 0;
  // ThreadSanitizer keeps a thread of its own.
  const std::size_t known =
      ours + 1 + monitor + listener + writer + watch + helper_threads() + (TASKSCOPE_TSAN ? 1 : 0);
  return threads > known ? threads - known : 0;
}

void report_if_deadlocked(Scheduler& scheduler) {
  // A thread of ours that is not up yet counts as foreign; it looks itself before it sleeps.
  if (foreign_threads(scheduler, scheduler.threads_up()) != 0) return;
  // In this order: a thread that is gone now may have made a task ready just before.
  if (!scheduler.all_asleep() || scheduler.stopping()) return;
  const std::int64_t now_ns = base::monotonic_ns();
  std::map<TaskId, const Task*> live;
  scheduler.tasks().for_each_live([&](const Task& task) {
    // A task that has just ended is being cleared away.
    if (task.state.load(std::memory_order_acquire) == TaskState::Blocked) live[task.id] = &task;
  });
  const auto find = [&](TaskId id) {
    const auto found = live.find(id);
    return found == live.end() ? nullptr : found->second;
  };
  std::vector<debug::BlockedTask> tasks;
  for (const auto& [id, pointer] : live) {
    const Task& task = *pointer;
    tasks.push_back({.task = task_info(task, find),
                     .reason = trace_format::to_text(task.wait.reason),
                     .wait_site = task.wait.site(),
                     .object = name_of(task.wait.object),
                     .arms = describe_arms(task),
                     .holder = describe_holder(task, find, now_ns),
                     .waited_ns = now_ns - task.wait_since_ns.load(std::memory_order_relaxed)});
  }
  scheduler.tracing().outside([&](instrument::Lane& lane) { lane.deadlock(tasks.size()); });
  die(debug::deadlock_report(tasks));
}

}  // namespace taskscope::sched
