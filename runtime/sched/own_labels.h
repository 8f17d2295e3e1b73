// The labels of the calling task: how they are replaced beside a recorder that may come just then.
//
// For runtime/annotate and runtime/testing.
#pragma once

#include "runtime/sched/label_set.h"

namespace taskscope::sched {

// Null if it has none, or on a thread that runs no task. Valid until they are replaced.
const LabelSet* own_labels();

// Takes over a reference to `labels`, which may be null. A recorder that comes just now learns them
// from the task itself. REQUIRES: called by a task.
void replace_own_labels(const LabelSet* labels);

}  // namespace taskscope::sched
