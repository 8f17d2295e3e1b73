#include "runtime/memory/marker.h"

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/sanitizer.h"
#include "runtime/memory/arena.h"
#include "runtime/memory/containers.h"
#include "runtime/memory/header.h"
#include "runtime/memory/marking.h"
#include "runtime/memory/type.h"

namespace taskscope::memory {
namespace {

std::uintptr_t* own_stack(std::size_t entries) {
  static auto* const stack =
      static_cast<std::uintptr_t*>(map_description(entries * sizeof(std::uintptr_t)));
  return stack;
}

// From behind its header to the end of its slot.
std::size_t bytes_of(const void* object) {
  const Span& span = g_space.span_of(object);
  switch (span.seen_kind()) {
    case SpanKind::Small:
      return span.slot_bytes - kHeaderBytes;
    case SpanKind::Large:
      return std::size_t{span.count} * kSpanBytes - kGranuleBytes;
    case SpanKind::Arena:
    case SpanKind::Adopted:
      return header_of(object).seen().bytes() - kHeaderBytes;
    case SpanKind::Free:
    case SpanKind::Rest:
      break;
  }
  return 0;
}

}  // namespace

Marker::Marker(std::uint8_t* marks, const ContainerContents* contents)
    : Tracer(false),
      stack_(own_stack(kStackMax)),
      contents_(contents),
      base_(g_space.base),
      bytes_(g_space.bytes),
      marks_(marks),
      spans_(g_space.spans) {}

inline void Marker::push(void* object, const Span& span) {
  TASKSCOPE_CHECK(depth_ < kStackMax);
  const bool doubtful = span.kind == SpanKind::Arena || span.kind == SpanKind::Adopted;
  stack_[depth_++] = reinterpret_cast<std::uintptr_t>(object) | (doubtful ? kDoubtful : 0);
}

inline void Marker::mark_now(void* object) {
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - base_;
  if (offset >= bytes_) return;
  if (!g_space.set(marks_, object)) return;
  const Span& span = spans_[offset / kSpanBytes];
  if (span.scanned) push(object, span);
}

// What an object refers to that may have died long ago.
inline void Marker::mark_doubtful(void* object) {
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(object) - base_;
  if (offset >= bytes_) return;
  const auto index = static_cast<std::uint32_t>(offset / kSpanBytes);
  const SpanKind kind = spans_[index].seen_kind();
  if (kind == SpanKind::Arena || kind == SpanKind::Adopted) {
    if (may_be_object(index, object)) mark_now(object);
  } else if (resolve(reinterpret_cast<std::uintptr_t>(object)) == object) {
    mark_now(object);
  }
}

void Marker::mark(void* object) { mark_now(object); }

void Marker::edge(const void*, void* target) { mark_now(target); }

bool Marker::take_noted() {
  constexpr std::size_t kAtOnce = 4096;
  TASKSCOPE_CHECK(depth_ + kAtOnce < kStackMax);
  std::size_t count = 0;
  if (!memory::take_noted(reinterpret_cast<void**>(stack_ + depth_), kAtOnce, count)) return false;
  // In their place: push() writes at or below what it reads.
  for (std::size_t i = 0; i < count; ++i) {
    auto* const object = reinterpret_cast<void*>(stack_[depth_]);
    push(object, g_space.span_of(object));
  }
  return true;
}

TASKSCOPE_UNSANITIZED void Marker::words(const void* first, std::size_t bytes) {
  const auto begin = (reinterpret_cast<std::uintptr_t>(first) + 7) & ~std::uintptr_t{7};
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(first) + bytes;
  for (std::uintptr_t at = begin; at + sizeof(void*) <= end; at += sizeof(void*)) {
    const std::uintptr_t word = load(at);
    if (word - g_space.base >= g_space.bytes) [[likely]]
      continue;
    if (void* const object = resolve(word)) mark(object);
  }
}

void* Marker::resolve(std::uintptr_t address) {
  std::uint32_t index = g_space.index_of(reinterpret_cast<const void*>(address));
  const Span* span = &g_space.spans[index];
  SpanKind kind = span->seen_kind();
  if (kind == SpanKind::Rest) {
    index = span->count;
    span = &g_space.spans[index];
    kind = span->seen_kind();
    if (kind != SpanKind::Large) return nullptr;
  }
  char* const start = g_space.start_of(index);
  switch (kind) {
    case SpanKind::Small: {
      const auto offset = static_cast<std::uint32_t>(address & (kSpanBytes - 1));
      if (offset < kFirstSlot) return nullptr;
      const auto slot = static_cast<std::uint32_t>(
          std::uint64_t{offset - std::uint32_t{kFirstSlot}} * span->divisor >> 32);
      if (slot >= span->slots) return nullptr;
      char* const object = start + kFirstSlot + std::size_t{slot} * span->slot_bytes + kHeaderBytes;
      // Handed out since the last collection, or marked by it. Acquire: slots that are handed out
      // while objects are marked are marked before.
      const std::uint32_t end = __atomic_load_n(&span->free_index, __ATOMIC_ACQUIRE);
      return slot < end || g_space.is_marked(object) ? object : nullptr;
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

void Marker::scan_words(void* object) { words(object, bytes_of(object)); }

inline void Marker::scan(std::uintptr_t entry) {
  auto* const object = reinterpret_cast<void*>(entry & ~kDoubtful);
  const Header header = header_of(object).seen();
  if (header.empty()) return;  // just being made
  const TypeInfo& type = type_info(header.type());
  if (type.trace != nullptr && !type.only_handles) {
    if (type.destroy != nullptr && contents_ != nullptr) contents_->show(object, *this);
    return scan_words(object);
  }
  if ((entry & kDoubtful) != 0) {
    return scan_masks(object, type, [this](void* target) { mark_doubtful(target); });
  }
  scan_masks(object, type, [this](void* target) { mark_now(target); });
}

template <class Mark>
inline void Marker::scan_masks(void* object, const TypeInfo& type, Mark mark) {
  auto* const fields = static_cast<void**>(object);
  if (type.only_handles) {
    // Behind the size of an array.
    const std::size_t words = bytes_of(object) / sizeof(void*);
    for (std::size_t i = kGranuleBytes / sizeof(void*); i < words; ++i) {
      mark(__atomic_load_n(fields + i, __ATOMIC_ACQUIRE));
    }
    return;
  }
  for (std::uint64_t edges = type.edges; edges != 0; edges &= edges - 1) {
    mark(__atomic_load_n(fields + __builtin_ctzll(edges), __ATOMIC_ACQUIRE));
  }
  for (std::uint64_t left = type.words; left != 0; left &= left - 1) {
    words(fields + __builtin_ctzll(left), sizeof(void*));
  }
}

bool Marker::drain_some(std::size_t count) {
  std::uintptr_t ahead[kAhead];
  std::size_t first = 0;
  std::size_t end = 0;
  for (;;) {
    while (end - first < kAhead && depth_ != 0) {
      const std::uintptr_t entry = stack_[--depth_];
      __builtin_prefetch(reinterpret_cast<char*>(entry) - kHeaderBytes);
      ahead[end++ % kAhead] = entry;
    }
    if (first == end) return true;
    if (count-- == 0) break;
    scan(ahead[first++ % kAhead]);
  }
  while (first != end) stack_[depth_++] = ahead[first++ % kAhead];
  return false;
}

}  // namespace taskscope::memory
