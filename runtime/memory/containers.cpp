#include "runtime/memory/containers.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"
#include "runtime/memory/address_space.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/heap.h"
#include "runtime/memory/page_heap.h"
#include "runtime/memory/roots.h"

namespace taskscope::memory {

const void* ContainerContents::own_memory() {
  static const void* const memory = map_description(kOwnBytes);
  return memory;
}

ContainerContents::ContainerContents()
    : Tracer(true), edges_(static_cast<Edge*>(const_cast<void*>(own_memory()))) {}

void ContainerContents::find_holders() {
  spans_.clear();
  count_ = 0;
  if (g_heap.destroyed_spans.load(std::memory_order_relaxed) == 0) return;
  const std::uint32_t end = g_pages.fresh();
  for (std::uint32_t index = 1; index < end; ++index) {
    const Span& span = g_space.spans[index];
    const SpanKind kind = span.seen_kind();
    if ((kind == SpanKind::Small || kind == SpanKind::Large) && span.destroyed) {
      spans_.push_back(index);
    }
  }
}

void ContainerContents::record() {
  for (const std::uint32_t index : spans_) {
    each_built_object(index, [&](void* object) {
      holder_ = object;
      show_object(object, *this);
    });
  }
}

void ContainerContents::add(const void* place, void* target) {
  TASKSCOPE_CHECK(count_ < kEdgesMax);
  edges_[count_++] = {holder_, place, target};
}

// What lies in the object itself is looked at there.
void ContainerContents::edge(const void* place, void* target) {
  if (!g_space.contains(place)) add(place, target);
}

TASKSCOPE_UNSANITIZED void ContainerContents::words(const void* first, std::size_t bytes) {
  if (g_space.contains(first)) return;
  const auto* const words = static_cast<const std::uintptr_t*>(first);
  for (std::size_t i = 0; i < bytes / sizeof(std::uintptr_t); ++i) {
    if (words[i] - g_space.base >= g_space.bytes) continue;
    if (void* const object = Marker::resolve(words[i])) add(nullptr, object);
  }
}

void ContainerContents::claim_handles() const {
  for (std::size_t i = 0; i < count_; ++i) {
    if (edges_[i].place != nullptr) set_owned(edges_[i].place);
  }
}

void ContainerContents::show(const void* holder, Marker& marker) const {
  const Edge* const first = edges_;
  const Edge* const end = first + count_;
  const Edge* edge = std::lower_bound(
      first, end, holder, [](const Edge& a, const void* object) { return a.holder < object; });
  for (; edge != end && edge->holder == holder; ++edge) marker.mark(edge->target);
}

}  // namespace taskscope::memory
