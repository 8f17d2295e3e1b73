// What TASKSCOPE_GC=recheck does: marks once more, from scratch and with all tasks held, what can
// be reached from handles outside of stacks. Those know what they refer to; in frames lie words of
// earlier calls, too, that refer to what has died.
#pragma once

#include "runtime/memory/marker.h"

namespace taskscope::memory {

// Says of objects that are reached now and were not marked beside the tasks which these are, counts
// them, and marks them: they live on.
void mark_again(Marker& marker);

}  // namespace taskscope::memory
