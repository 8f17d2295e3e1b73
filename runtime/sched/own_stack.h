// Whether something stands in a block of the task that asks, for types that must not outlive one.
#pragma once

namespace taskscope::sched {

// False if `object` lies elsewhere than on the calling task's stack: on the heap, on another
// task's stack, in a static variable. True on a thread that is no task's, of whose stack nothing is
// known.
bool on_own_stack(const void* object);

}  // namespace taskscope::sched
