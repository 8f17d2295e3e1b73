#include "runtime/sched/deadlock.h"

#include <dirent.h>

#include "runtime/base/sanitizer.h"
#include "runtime/sched/fatal.h"
#include "runtime/sched/scheduler.h"

namespace taskscope::sched {
namespace {

// Threads that are neither workers nor the one in ts::run; at least 1 if /proc cannot be read.
std::size_t foreign_threads(std::size_t workers) {
  DIR* directory = opendir("/proc/self/task");
  if (directory == nullptr) return 1;
  std::size_t threads = 0;
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') ++threads;
  }
  closedir(directory);
  // ThreadSanitizer keeps a thread of its own.
  const std::size_t known = workers + 1 + (TASKSCOPE_TSAN ? 1 : 0);
  return threads > known ? threads - known : 0;
}

}  // namespace

void report_if_deadlocked(Scheduler& scheduler, instrument::Lane* lane) {
  if (foreign_threads(scheduler.workers().size()) != 0) return;
  (void)lane;
  fatal("all tasks are asleep - deadlock!");
}

}  // namespace taskscope::sched
