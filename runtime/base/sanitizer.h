// Which sanitizer this translation unit is built for, one spelling for both compilers.
//
// TASKSCOPE_ASAN and TASKSCOPE_TSAN are 0 or 1. TASKSCOPE_UNSANITIZED marks a function that must
// not be instrumented at all: it leaves one stack and returns on another, or reads what is written
// by tasks that stand still.
#pragma once

#include <cstddef>

#if defined(__has_feature)
#define TASKSCOPE_HAS_FEATURE(name) __has_feature(name)
#else
#define TASKSCOPE_HAS_FEATURE(name) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || TASKSCOPE_HAS_FEATURE(address_sanitizer)
#define TASKSCOPE_ASAN 1
#else
#define TASKSCOPE_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || TASKSCOPE_HAS_FEATURE(thread_sanitizer) || \
    defined(TASKSCOPE_TSAN_UNINSTRUMENTED)
#define TASKSCOPE_TSAN 1
#else
#define TASKSCOPE_TSAN 0
#endif

#if defined(__clang__)
#define TASKSCOPE_UNSANITIZED \
  __attribute__((no_sanitize("address", "thread"), disable_sanitizer_instrumentation))
#else
#define TASKSCOPE_UNSANITIZED __attribute__((no_sanitize("address", "thread", "undefined")))
#endif

#if TASKSCOPE_TSAN
extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
#endif

#if TASKSCOPE_ASAN
extern "C" void __lsan_ignore_object(const void* object);
extern "C" void __lsan_register_root_region(const void* first, std::size_t bytes);
extern "C" void __lsan_unregister_root_region(const void* first, std::size_t bytes);
#endif

namespace taskscope::base {

// Tells LeakSanitizer that something is owned by memory which it does not look at.
inline void annotate_owned([[maybe_unused]] const void* object) {
#if TASKSCOPE_ASAN
  __lsan_ignore_object(object);
#endif
}

// Tells LeakSanitizer that memory which no allocator of its kind has given owns what it refers to,
// and that it does not any more.
inline void annotate_owner([[maybe_unused]] const void* first, [[maybe_unused]] std::size_t bytes) {
#if TASKSCOPE_ASAN
  __lsan_register_root_region(first, bytes);
#endif
}
inline void annotate_no_owner([[maybe_unused]] const void* first,
                              [[maybe_unused]] std::size_t bytes) {
#if TASKSCOPE_ASAN
  __lsan_unregister_root_region(first, bytes);
#endif
}

// Tells ThreadSanitizer that what happened before annotate_release(p) is visible after
// annotate_acquire(p): for orders that run through code it does not see.
inline void annotate_release([[maybe_unused]] void* address) {
#if TASKSCOPE_TSAN
  __tsan_release(address);
#endif
}
inline void annotate_acquire([[maybe_unused]] void* address) {
#if TASKSCOPE_TSAN
  __tsan_acquire(address);
#endif
}

}  // namespace taskscope::base
