#include "runtime/memory/ptr.h"

#include "runtime/memory/arena.h"
#include "runtime/memory/local.h"
#include "runtime/memory/roots.h"
#include "runtime/sched/thread.h"

namespace taskscope::memory {

[[gnu::noinline]] void store_outside(void** place, void* object) {
  // The first handle of a run may be stored before anything is made in it.
  const sched::Thread* const thread = sched::current_thread();
  if (thread != nullptr && thread->task() != nullptr) own_local("ts::ptr");
  void* const old = *place;
  if (g_space.on_task_stack(place)) {
    *place = object;
    return note_overwritten(old);
  }
  // It is known as long as it is not null.
  if (object != nullptr && old == nullptr) add_root(place);
  if (object != nullptr && object != old) escape_object(object, EscapeReason::Stored);
  __atomic_store_n(place, object, __ATOMIC_RELEASE);
  if (object == nullptr && old != nullptr) remove_root(place);
  note_overwritten(old);
}

}  // namespace taskscope::memory
