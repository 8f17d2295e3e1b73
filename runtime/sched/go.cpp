#include "runtime/sched/go.h"

#include <atomic>
#include <cstring>

#include "runtime/sched/fatal.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::sched {

namespace {

// Atomic: set once, before any task has an arena; relaxed.
constinit std::atomic<ClosureHook> g_closure_hook{nullptr};

}  // namespace

void set_closure_hook(ClosureHook hook) { g_closure_hook.store(hook, std::memory_order_relaxed); }

Task* begin_task() {
  Thread* thread = current_thread();
  if (thread == nullptr) return nullptr;
  Task* const task = thread->new_task();
  // What another closure has left there is no handle of this one's.
  const bool arena = thread->task() != nullptr && thread->task()->arena != 0;
  if (arena) [[unlikely]]
    std::memset(task->closure_memory, 0, sizeof task->closure_memory);
  return task;
}

void submit_task(Task* task, std::string_view name) {
  Thread& thread = *current_thread();
  if (thread.task() != nullptr && thread.task()->arena != 0) [[unlikely]]
    g_closure_hook.load(std::memory_order_relaxed)(*task);
  thread.submit(task, name);
}

const SpawnPath* find_spawn_path(const SpawnPath& from, const base::Site& site) {
  return &current_thread()->scheduler().spawn_paths().below(from, site);
}

void abort_task(Task* task) { current_thread()->return_task(task); }

void submit_foreign_task(TaskBody body, void* closure, std::string_view name,
                         const base::Site& site) {
  const ActiveRun active;
  if (active.scheduler() == nullptr) fatal("ts::go called while no ts::run is active");
  Task* const task = active.scheduler()->tasks().take();
  base::annotate_acquire(task);
  task->body = body;
  task->set_closure_address(closure, 0);
  SpawnPaths& paths = active.scheduler()->spawn_paths();
  task->spawn_path = &paths.below(paths.root(), site);
  task->generation = 0;
  active.scheduler()->submit_foreign(task, name, nullptr);
}

}  // namespace taskscope::sched
