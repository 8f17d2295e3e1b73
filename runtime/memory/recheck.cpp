#include "runtime/memory/recheck.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "runtime/memory/alloc_site.h"
#include "runtime/memory/collector.h"
#include "runtime/memory/marking.h"
#include "runtime/memory/page_heap.h"
#include "runtime/memory/roots.h"

namespace taskscope::memory {
namespace {

constexpr std::uint64_t kToldMax = 10;

// Without stdio, whose lock a stopped thread may hold.
void tell(const void* object) {
  const AllocSite& site = site_of(header_of(object).site());
  char text[256];
  const int length = std::snprintf(text, sizeof text,
                                   "taskscope: gc recheck: an object made at %s:%u is reached and "
                                   "was not marked; this is an error of the runtime\n",
                                   site.file, site.line);
  if (length <= 0) return;
  const auto bytes = std::min(static_cast<std::size_t>(length), sizeof text - 1);
  static_cast<void>(!write(STDERR_FILENO, text, bytes));
}

std::uint8_t* own_marks() {
  static auto* const marks =
      static_cast<std::uint8_t*>(map_description(g_space.bytes / kGranuleBytes / 8));
  return marks;
}

// Whether the sweep would take its memory, marked as things are.
bool would_go(const void* object, const std::uint8_t* marks) {
  const std::uint32_t index = g_space.index_of(object);
  const Span& span = g_space.spans[index];
  if (header_of(object).empty()) return false;
  if (span.kind == SpanKind::Small || span.kind == SpanKind::Large) return true;
  // As the sweep and trim() in arena.cpp see it.
  if (span.recycled) return true;
  if (span.kind != SpanKind::Adopted || span.phase >= phase()) return false;
  const std::uint8_t* const first = marks + std::size_t{index} * kMarkBytes;
  return std::all_of(first, first + kMarkBytes, [](std::uint8_t bits) { return bits == 0; });
}

}  // namespace

void mark_again(Marker& marker) {
  std::uint8_t* const again = own_marks();
  const std::uint8_t* const marks = g_space.marks[g_space.marked ^ 1];
  const std::size_t bytes = std::size_t{g_pages.fresh()} * kMarkBytes;
  std::memset(again, 0, bytes);
  Marker second(again, nullptr);
  each_root(
      [](void* context, void* const* place, bool owned) {
        if (!owned) static_cast<Marker*>(context)->mark(*place);
      },
      &second);
  each_range([](void* context, const void* first,
                std::size_t size) { static_cast<Marker*>(context)->words(first, size); },
             &second);
  second.drain();
  std::uint64_t told = 0;
  for (std::size_t byte = 0; byte < bytes; ++byte) {
    for (unsigned bits = again[byte] & ~marks[byte]; bits != 0; bits &= bits - 1) {
      const std::size_t granule = byte * 8 + static_cast<std::size_t>(__builtin_ctz(bits));
      auto* const object = reinterpret_cast<void*>(g_space.base + granule * kGranuleBytes);
      if (!would_go(object, marks)) continue;
      g_collections.missed.fetch_add(1, std::memory_order_relaxed);
      if (told++ < kToldMax) tell(object);
      marker.mark(object);
    }
  }
}

}  // namespace taskscope::memory
