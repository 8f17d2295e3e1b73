// What TASKSCOPE_GC=verify does: looks for handles that the collector does not know.
#pragma once

#include <vector>

#include "runtime/memory/marker.h"
#include "runtime/sched/halt.h"
#include "runtime/sched/scheduler.h"

namespace taskscope::memory {

// Looks through all memory that the program has written for words that refer to objects which are
// not marked, says who has them, and marks those objects: they live on. Old values in memory that
// was given back to malloc look the same. With the world stopped.
void find_hidden_handles(const sched::Scheduler& scheduler, Marker& marker,
                         const std::vector<const sched::HaltNote*>& notes);

}  // namespace taskscope::memory
