#include "runtime/stack/context.h"

#include <pthread.h>

#include "runtime/base/check.h"
#include "runtime/stack/switch.h"

#if TASKSCOPE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if TASKSCOPE_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace taskscope::stack {

void Context::adopt_thread() {
#if TASKSCOPE_ASAN
  pthread_attr_t attributes;
  TASKSCOPE_CHECK(pthread_getattr_np(pthread_self(), &attributes) == 0);
  pthread_attr_getstack(&attributes, &extent_.low, &extent_.bytes);
  pthread_attr_destroy(&attributes);
#endif
#if TASKSCOPE_TSAN
  fiber_ = __tsan_get_current_fiber();
#endif
}

TASKSCOPE_UNSANITIZED void Context::prepare(Extent extent, void (*function)(void*), void* argument,
                                            [[maybe_unused]] const Context& own) {
#if TASKSCOPE_ASAN
  // The last task on this stack ended without returning, so its red zones are still marked.
  __asan_unpoison_memory_region(extent.low, extent.bytes);
  fake_stack_ = nullptr;
  extent_ = extent;
#endif
#if TASKSCOPE_TSAN
  // A fiber begins after all that its creator did. The one that is being left here by chance has
  // nothing to do with the new one, and their races would be hidden.
  void* const here = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(own.fiber_, __tsan_switch_to_fiber_no_sync);
  fiber_ = __tsan_create_fiber(0);
  __tsan_switch_to_fiber(here, __tsan_switch_to_fiber_no_sync);
#endif
  sp_ = make_entry_frame(static_cast<char*>(extent.low) + extent.bytes, function, argument);
}

TASKSCOPE_UNSANITIZED void Context::switch_to(Context& to) {
#if TASKSCOPE_ASAN
  __sanitizer_start_switch_fiber(&fake_stack_, to.extent_.low, to.extent_.bytes);
#endif
#if TASKSCOPE_TSAN
  // Without no_sync every switch would look like synchronisation and hide the races between two
  // tasks of one worker.
  __tsan_switch_to_fiber(to.fiber_, __tsan_switch_to_fiber_no_sync);
#endif
  taskscope_switch(&sp_, to.sp_);
#if TASKSCOPE_ASAN
  __sanitizer_finish_switch_fiber(fake_stack_, nullptr, nullptr);
#endif
}

TASKSCOPE_UNSANITIZED void Context::finish_into(Context& to) {
#if TASKSCOPE_ASAN
  // A null place for the fake stack tells AddressSanitizer to free it.
  __sanitizer_start_switch_fiber(nullptr, to.extent_.low, to.extent_.bytes);
#endif
#if TASKSCOPE_TSAN
  __tsan_switch_to_fiber(to.fiber_, __tsan_switch_to_fiber_no_sync);
#endif
  taskscope_switch(&sp_, to.sp_);
  __builtin_unreachable();
}

TASKSCOPE_UNSANITIZED void Context::entered() {
#if TASKSCOPE_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

std::uintptr_t Context::resumes_at() {
  return reinterpret_cast<std::uintptr_t>(&taskscope_switched);
}

void Context::retire() {
#if TASKSCOPE_TSAN
  if (fiber_ != nullptr) __tsan_destroy_fiber(fiber_);
  fiber_ = nullptr;
#endif
  sp_ = nullptr;
}

}  // namespace taskscope::stack
