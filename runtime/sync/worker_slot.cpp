#include "runtime/sync/worker_slot.h"

#include "runtime/sched/thread.h"
#include "runtime/sched/worker.h"

namespace taskscope::sync {

std::uint32_t worker_slot() {
  const sched::Worker* const worker = sched::current_worker();
  return worker == nullptr ? 0 : worker->index();
}

}  // namespace taskscope::sync
