#include "runtime/sched/own_stack.h"

#include <functional>

#include "runtime/base/sanitizer.h"
#include "runtime/sched/park.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

#if TASKSCOPE_ASAN
#include <sanitizer/asan_interface.h>
#endif

namespace taskscope::sched {

bool on_own_stack(const void* object) {
  const Task* const task = current_task();
  if (task == nullptr) return true;
#if TASKSCOPE_ASAN
  // AddressSanitizer may keep local variables elsewhere, to find out who uses them too late.
  if (__asan_get_current_fake_stack() != nullptr) return true;
#endif
  const stack::Extent own = current_thread()->scheduler().stacks().extent(task->stack.id());
  const auto* const low = static_cast<const char*>(own.low);
  const auto* const at = static_cast<const char*>(object);
  return !std::less<>()(at, low) && std::less<>()(at, low + own.bytes);
}

}  // namespace taskscope::sched
