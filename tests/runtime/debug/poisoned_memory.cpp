#include "tests/runtime/debug/poisoned_memory.h"

#include <cstdlib>
#include <new>

#include "runtime/base/sanitizer.h"

namespace {
[[maybe_unused]] thread_local bool t_poisoned = false;
}

void taskscope::test::poison_memory() { t_poisoned = true; }

// ThreadSanitizer's own cannot be replaced.
#if !TASKSCOPE_TSAN
void* operator new(std::size_t bytes) {
  if (t_poisoned) __builtin_trap();
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif
