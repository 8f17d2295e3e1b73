// Assertions that stay on in release builds, and debug-only ones.
//
// A failed check is a bug in Taskscope or in its caller: it prints one line with the condition and
// its place, then aborts. Expected failures use Result<T> (result.h) instead. Callable from any
// thread; a check never allocates before it fails.
#pragma once

namespace taskscope::base {

// Prints "FILE:LINE: check failed: CONDITION" to standard error and aborts.
[[noreturn]] void check_failed(const char* file, int line, const char* condition);

}  // namespace taskscope::base

#define TASKSCOPE_CHECK(condition)                     \
  (static_cast<bool>(condition) ? static_cast<void>(0) \
                                : ::taskscope::base::check_failed(__FILE__, __LINE__, #condition))

#ifdef TASKSCOPE_DEBUG_CHECKS
#define TASKSCOPE_DCHECK(condition) TASKSCOPE_CHECK(condition)
#else
#define TASKSCOPE_DCHECK(condition) static_cast<void>(0)
#endif
