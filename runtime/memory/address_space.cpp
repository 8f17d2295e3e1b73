#include "runtime/memory/address_space.h"

#include <sys/mman.h>

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/lock.h"

namespace taskscope::memory {
namespace {

constexpr std::size_t kBytesMax = std::size_t{256} << 30;
constexpr std::size_t kBytesMin = std::size_t{1} << 30;

constinit base::Lock g_reserve_lock;

constexpr std::uint32_t kOpenedAtOnce = 2048;  // spans: 64 MiB

void* reserve(std::size_t bytes, int protection) {
  void* const at =
      mmap(nullptr, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return at == MAP_FAILED ? nullptr : at;
}

}  // namespace

constinit AddressSpace g_space;

void* map_lazily(std::size_t bytes) {
  void* const at = reserve(bytes, PROT_READ | PROT_WRITE);
  TASKSCOPE_CHECK(at != nullptr);
  // Most of it is never touched; a core dump would look at every page of it.
  madvise(at, bytes, MADV_DONTDUMP);
  return at;
}

void* map_description(std::size_t bytes) {
  void* const at = map_lazily(bytes);
  madvise(at, bytes, MADV_DONTFORK);
  return at;
}

void open_spans(std::uint32_t end) {
  static std::uint32_t opened = 0;
  if (end <= opened) return;
  const auto all = static_cast<std::uint32_t>(g_space.bytes / kSpanBytes);
  const std::uint32_t more = std::min(all, std::max(end, opened + kOpenedAtOnce));
  const int refused =
      mprotect(g_space.start_of(opened), (more - opened) * kSpanBytes, PROT_READ | PROT_WRITE);
  TASKSCOPE_CHECK(refused == 0);
  opened = more;
}

void reserve_address_space() {
  const base::LockGuard guard(g_reserve_lock);
  if (g_space.bytes != 0) return;
  std::size_t bytes = kBytesMax;
  void* at = reserve(bytes + kSpanBytes, PROT_NONE);
  while (at == nullptr && bytes > kBytesMin) {
    bytes /= 2;
    at = reserve(bytes + kSpanBytes, PROT_NONE);
  }
  TASKSCOPE_CHECK(at != nullptr);
  const std::uintptr_t base =
      (reinterpret_cast<std::uintptr_t>(at) + kSpanBytes - 1) & ~(kSpanBytes - 1);
  g_space.base = base;
  g_space.spans = static_cast<Span*>(map_description(bytes / kSpanBytes * sizeof(Span)));
  for (std::uint8_t*& marks : g_space.marks) {
    marks = static_cast<std::uint8_t*>(map_description(bytes / kGranuleBytes / 8));
  }
  g_space.bytes = bytes;
}

}  // namespace taskscope::memory
