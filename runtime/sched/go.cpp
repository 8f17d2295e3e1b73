#include "runtime/sched/go.h"

#include "runtime/sched/fatal.h"
#include "runtime/sched/process.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/worker.h"

namespace taskscope::sched {

Task* begin_task() {
  Worker* worker = current_worker();
  return worker == nullptr ? nullptr : worker->new_task();
}

void submit_task(Task* task, std::string_view name) { current_worker()->submit(task, name); }

void abort_task(Task* task) { current_worker()->return_task(task); }

void submit_foreign_task(TaskBody body, void* closure, std::string_view name,
                         const base::Site& site) {
  const ActiveRun active;
  if (active.scheduler() == nullptr) fatal("ts::go called while no ts::run is active");
  active.scheduler()->submit_foreign(body, closure, name, site);
}

}  // namespace taskscope::sched
