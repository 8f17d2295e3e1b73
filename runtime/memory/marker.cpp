#include "runtime/memory/marker.h"

#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/header.h"
#include "runtime/memory/type.h"

namespace taskscope::memory {
namespace {

void** own_stack(std::size_t entries) {
  static void** const stack = static_cast<void**>(map_description(entries * sizeof(void*)));
  return stack;
}

}  // namespace

Marker::Marker(bool sees_containers)
    : Tracer(sees_containers),
      stack_(own_stack(kStackMax)),
      base_(g_space.base),
      bytes_(g_space.bytes),
      marks_(g_space.marks[g_space.marked ^ 1]),
      spans_(g_space.spans) {}

inline void Marker::mark_now(void* object) {
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - base_;
  if (offset >= bytes_) return;
  const std::size_t bit = offset / kGranuleBytes;
  std::uint8_t& byte = marks_[bit / 8];
  const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
  if ((byte & mask) != 0) return;
  byte = static_cast<std::uint8_t>(byte | mask);
  if (!spans_[offset / kSpanBytes].scanned) return;
  TASKSCOPE_CHECK(depth_ < kStackMax);
  stack_[depth_++] = object;
}

void Marker::mark(void* object) { mark_now(object); }

void Marker::edge(const void*, void* target) { mark_now(target); }

TASKSCOPE_UNSANITIZED void Marker::words(const void* first, std::size_t bytes) {
  const auto begin = (reinterpret_cast<std::uintptr_t>(first) + 7) & ~std::uintptr_t{7};
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(first) + bytes;
  for (std::uintptr_t at = begin; at + sizeof(void*) <= end; at += sizeof(void*)) {
    const auto word = *reinterpret_cast<const std::uintptr_t*>(at);
    if (word - g_space.base >= g_space.bytes) [[likely]]
      continue;
    if (void* const object = resolve(word)) mark(object);
  }
}

void* Marker::resolve(std::uintptr_t address) {
  std::uint32_t index = g_space.index_of(reinterpret_cast<const void*>(address));
  const Span* span = &g_space.spans[index];
  if (span->kind == SpanKind::Rest) {
    index = span->count;
    span = &g_space.spans[index];
  }
  char* const start = g_space.start_of(index);
  switch (span->kind) {
    case SpanKind::Small: {
      const auto offset = static_cast<std::uint32_t>(address & (kSpanBytes - 1));
      if (offset < kFirstSlot) return nullptr;
      const auto slot = static_cast<std::uint32_t>(
          std::uint64_t{offset - std::uint32_t{kFirstSlot}} * span->divisor >> 32);
      if (slot >= span->slots) return nullptr;
      char* const object = start + kFirstSlot + std::size_t{slot} * span->slot_bytes + kHeaderBytes;
      // Handed out since the last collection, or marked by it.
      return slot < span->free_index || g_space.is_marked(object) ? object : nullptr;
    }
    case SpanKind::Large:
      return start + kGranuleBytes;
    case SpanKind::Arena:
    case SpanKind::Adopted:
      return find_in_block(index, address);
    case SpanKind::Free:
    case SpanKind::Rest:
      return nullptr;
  }
  return nullptr;
}

inline void Marker::scan(void* object) {
  const Header header = header_of(object);
  if (header.empty()) return;  // just being made
  const TypeInfo& type = type_info(header.type());
  auto* const fields = static_cast<void**>(object);
  if (type.trace != nullptr) {
    // One whose constructor has not returned: its containers are not there yet.
    if (type.destroy != nullptr && !header.built()) {
      const Span& span = g_space.span_of(object);
      const std::size_t bytes =
          span.kind == SpanKind::Small ? span.slot_bytes : span.count * kSpanBytes - kFirstSlot;
      return words(object, bytes - kHeaderBytes);
    }
    return type.trace(object, *this);
  }
  for (std::uint64_t edges = type.edges; edges != 0; edges &= edges - 1) {
    mark_now(__atomic_load_n(fields + __builtin_ctzll(edges), __ATOMIC_RELAXED));
  }
  for (std::uint64_t left = type.words; left != 0; left &= left - 1) {
    words(fields + __builtin_ctzll(left), sizeof(void*));
  }
}

void Marker::drain() {
  void* ahead[kAhead];
  std::size_t first = 0;
  std::size_t end = 0;
  for (;;) {
    while (end - first < kAhead && depth_ != 0) {
      void* const object = stack_[--depth_];
      __builtin_prefetch(static_cast<char*>(object) - kHeaderBytes);
      ahead[end++ % kAhead] = object;
    }
    if (first == end) return;
    scan(ahead[first++ % kAhead]);
  }
}

}  // namespace taskscope::memory
