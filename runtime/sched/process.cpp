#include "runtime/sched/process.h"

#include <pthread.h>

#include <atomic>
#include <utility>
#include <vector>

#include "runtime/sched/debugger_view.h"
#include "runtime/sched/park.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::sched {
namespace {

struct Process {
  base::Lock lock;
  Scheduler* scheduler TASKSCOPE_GUARDED_BY(lock) = nullptr;
  std::uint32_t runs TASKSCOPE_GUARDED_BY(lock) = 0;
  bool watches_forks TASKSCOPE_GUARDED_BY(lock) = false;
  std::vector<void (*)()> at_end TASKSCOPE_GUARDED_BY(lock);
  // Written by the only thread of a new process.
  bool is_forked_child = false;
};

Process& process() {
  static Process instance;
  return instance;
}

// Atomic: relaxed, as whoever counts threads sees them come and go anyway.
constinit std::atomic<std::size_t> g_helper_threads{0};

// The child has one thread, and its rings are the parent's.
void after_fork_in_child() TASKSCOPE_NO_ANALYSIS {
  instrument::TraceFile::forget();
  Scheduler* const scheduler = process().scheduler;
  if (scheduler == nullptr) return;
  process().is_forked_child = true;
  g_helper_threads.store(0, std::memory_order_relaxed);
  scheduler->after_fork();
  if (const Thread* thread = current_thread()) thread->after_fork();
}

}  // namespace

// Written under the process's lock, read relaxed by the run's own tasks.
constinit std::atomic<std::uint32_t> current_run_number{0};

ActiveRun::ActiveRun() TASKSCOPE_NO_ANALYSIS { process().lock.lock(); }
ActiveRun::~ActiveRun() TASKSCOPE_NO_ANALYSIS { process().lock.unlock(); }
Scheduler* ActiveRun::scheduler() const TASKSCOPE_NO_ANALYSIS { return process().scheduler; }

HelperThread::HelperThread() { g_helper_threads.fetch_add(1, std::memory_order_relaxed); }
HelperThread::~HelperThread() { g_helper_threads.fetch_sub(1, std::memory_order_relaxed); }
std::size_t helper_threads() { return g_helper_threads.load(std::memory_order_relaxed); }

bool enter_run(Scheduler& scheduler) {
  Process& p = process();
  const base::LockGuard guard(p.lock);
  if (p.scheduler != nullptr) return false;
  if (!p.watches_forks) {
    pthread_atfork(nullptr, nullptr, after_fork_in_child);
    p.watches_forks = true;
  }
  p.scheduler = &scheduler;
  show_to_debuggers(&scheduler);
  current_run_number.store(++p.runs, std::memory_order_relaxed);
  return true;
}

void leave_run() {
  Process& p = process();
  std::vector<void (*)()> functions;
  {
    const base::LockGuard guard(p.lock);
    p.scheduler = nullptr;
    show_to_debuggers(nullptr);
    current_run_number.store(0, std::memory_order_relaxed);
    functions = std::exchange(p.at_end, {});
  }
  for (const auto function : functions) function();
}

bool in_forked_child() { return process().is_forked_child; }

void at_end_of_run(void (*function)()) {
  Process& p = process();
  const base::LockGuard guard(p.lock);
  p.at_end.push_back(function);
}

}  // namespace taskscope::sched
