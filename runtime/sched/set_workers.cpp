#include "runtime/sched/set_workers.h"

#include <string>

#include "runtime/sched/fatal.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"

namespace taskscope {
namespace {

std::uint32_t resize(sched::Scheduler& scheduler, std::uint32_t count) {
  return count == 0 ? scheduler.worker_count() : scheduler.set_workers(count);
}

}  // namespace

std::uint32_t set_workers(std::uint32_t count) {
  if (count > sched::Scheduler::kWorkersMax) {
    sched::fatal("ts::set_workers called with " + std::to_string(count) + ": a run has from 1 to " +
                 std::to_string(sched::Scheduler::kWorkersMax) +
                 " workers; give one of these, or 0 to ask how many there are");
  }
  if (sched::Thread* thread = sched::current_thread()) {
    std::uint32_t old = 0;
    {
      const sched::RuntimeSection section(*thread);
      old = resize(thread->scheduler(), count);
    }
    thread->checkpoint();
    return old;
  }
  const sched::ActiveRun active;
  if (active.scheduler() == nullptr) {
    sched::fatal("ts::set_workers called while no ts::run is active");
  }
  return resize(*active.scheduler(), count);
}

}  // namespace taskscope
