// Clang's thread-safety annotations; nothing on other compilers. Compile-time only.
#pragma once

#if defined(__clang__)
#define TASKSCOPE_ANNOTATION(x) __attribute__((x))
#else
#define TASKSCOPE_ANNOTATION(x)
#endif

#define TASKSCOPE_CAPABILITY(name) TASKSCOPE_ANNOTATION(capability(name))
#define TASKSCOPE_SCOPED_CAPABILITY TASKSCOPE_ANNOTATION(scoped_lockable)
#define TASKSCOPE_GUARDED_BY(lock) TASKSCOPE_ANNOTATION(guarded_by(lock))
#define TASKSCOPE_REQUIRES(...) TASKSCOPE_ANNOTATION(requires_capability(__VA_ARGS__))
#define TASKSCOPE_ACQUIRE(...) TASKSCOPE_ANNOTATION(acquire_capability(__VA_ARGS__))
#define TASKSCOPE_RELEASE(...) TASKSCOPE_ANNOTATION(release_capability(__VA_ARGS__))
#define TASKSCOPE_TRY_ACQUIRE(...) TASKSCOPE_ANNOTATION(try_acquire_capability(__VA_ARGS__))
#define TASKSCOPE_NO_ANALYSIS TASKSCOPE_ANNOTATION(no_thread_safety_analysis)
