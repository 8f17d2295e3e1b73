#include "runtime/memory/snapshot.h"

#include <sched.h>

#include <algorithm>

#include "runtime/memory/address_space.h"
#include "runtime/memory/local.h"
#include "runtime/memory/marking.h"
#include "runtime/memory/settings.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::memory {
namespace {

// What each task's word says: the round, and in the lowest bit that it is just being looked at.
constexpr std::uint32_t kClaimed = 1;
constexpr std::size_t kTasksMax = std::size_t{1} << 28;

// By the places of tasks in their arena. Atomic: acquire and release.
constinit std::uint32_t* g_shown = nullptr;
constinit const sched::Task* g_tasks = nullptr;
constinit std::uint32_t g_round = 0;

std::uint32_t& shown(const sched::Task& task) { return g_shown[&task - g_tasks]; }
void set_shown(const sched::Task& task) {
  __atomic_store_n(&shown(task), g_round << 1, __ATOMIC_RELEASE);
}
bool is_shown(const sched::Task& task) {
  return __atomic_load_n(&shown(task), __ATOMIC_ACQUIRE) == g_round << 1;
}

// False if somebody has shown it. Waits for whoever does.
bool claim(const sched::Task& task) {
  for (;;) {
    std::uint32_t word = __atomic_load_n(&shown(task), __ATOMIC_ACQUIRE);
    if (word == g_round << 1) return false;
    if (word == (g_round << 1 | kClaimed)) {
      sched_yield();
    } else if (__atomic_compare_exchange_n(&shown(task), &word, g_round << 1 | kClaimed, false,
                                           __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
      return true;
    }
  }
}

// A thread is about to run the task.
void show_before_it_runs(const sched::Task& task) {
  if (settings().broken == Broken::Resumed) return;
  Local& local = own_local("ts::go");
  const BusySection busy(local);
  // Else the marking has ended meanwhile.
  if (!is_marking() || is_shown(task) || !claim(task)) return;
  Keeper keeper(local);
  show_task(sched::current_thread()->scheduler(), keeper, task);
  set_shown(task);
}

}  // namespace

Snapshot::Snapshot(sched::Scheduler& scheduler) : scheduler_(scheduler) {
  if (g_shown == nullptr) {
    g_shown = static_cast<std::uint32_t*>(map_description(kTasksMax * sizeof(std::uint32_t)));
  }
  g_tasks = scheduler.tasks().first();
}

void Snapshot::take(const StoppedWorld& world, Marker& marker) {
  ++g_round;
  world.show_running(marker);
  running_ = world.running();
  scheduler_.each_listed_thread([&](const sched::Thread& thread) {
    const sched::Task* const task = thread.task();
    if (task == nullptr) return;
    // It may be about to run, and not on its stack yet.
    show_task(scheduler_, marker, *task, running_);
    set_shown(*task);
  });
  sched::set_start_hook(show_before_it_runs);
}

void Snapshot::show_rest(Marker& marker) {
  scheduler_.tasks().for_each_live([&](const sched::Task& task) {
    if (is_shown(task) || !claim(task)) return;
    show_task(scheduler_, marker, task, running_);
    set_shown(task);
  });
}

void Snapshot::end() { sched::set_start_hook(nullptr); }

}  // namespace taskscope::memory
