// ts::make: a new object that lives as long as something refers to it.
//
//   struct Node {
//     int value = 0;
//     ts::ptr<Node> next;
//   };
//   ts::ref<Node> list;
//   for (int i = 0; i < 3; ++i) list = ts::make(Node{.value = i, .next = list});
//   ts::ref<std::mutex> lock = ts::make_with([] { return std::mutex(); });  // of what cannot move
//
// Inside of ts::scoped it is made in the scope's arena, else on the collected heap. Called by
// tasks. Each place in the source has its own statistics (ts::escape_stats).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>
#include <utility>

#include "runtime/memory/arena.h"
#include "runtime/memory/fields.h"
#include "runtime/memory/heap.h"
#include "runtime/memory/ref.h"
#include "runtime/memory/type.h"

namespace taskscope::memory {

template <class T>
consteval const char* type_name() {
  return __PRETTY_FUNCTION__;
}

// Notes which words of an object it is shown.
class MaskTracer final : public Tracer {
 public:
  MaskTracer(const void* object, TypeInfo& type)
      : Tracer(false), object_(static_cast<const char*>(object)), type_(type) {}
  void edge(const void* place, void*) override { type_.edges |= bit(place); }
  void words(const void* first, std::size_t bytes) override {
    const auto* at = static_cast<const char*>(first);
    for (std::size_t i = 0; i + sizeof(void*) <= bytes; i += sizeof(void*)) {
      type_.words |= bit(at + i);
    }
  }

 private:
  std::uint64_t bit(const void* place) const {
    return std::uint64_t{1} << (static_cast<const char*>(place) - object_) / sizeof(void*);
  }
  const char* object_;
  TypeInfo& type_;
};

template <class T>
inline constexpr Contents kContentsOf = needs_destructor<T>()             ? Contents::Destructible
                                        : layout_of<T>() == Layout::Plain ? Contents::Plain
                                                                          : Contents::References;

// Of arrays of handles.
template <class T>
inline constexpr bool kOnlyHandles = false;

template <class T>
void trace_object(void* object, Tracer& tracer) {
  show(tracer, *static_cast<T*>(object));
}
template <class T>
void destroy_object(void* object) {
  static_cast<T*>(object)->~T();
}

template <class T>
TypeInfo describe_type() {
  TypeInfo type{.name = type_name<T>()};
  if constexpr (needs_destructor<T>()) type.destroy = destroy_object<T>;
  if constexpr (layout_of<T>() == Layout::Fixed && sizeof(T) <= 64 * sizeof(void*)) {
    // Handles that are not null are shown. What the words are does not matter: nobody follows them.
    alignas(T) std::byte memory[sizeof(T)];
    std::fill_n(memory, sizeof memory, std::byte{1});
    MaskTracer tracer(memory, type);
    show(tracer, *std::launder(reinterpret_cast<T*>(memory)));
  } else if constexpr (layout_of<T>() != Layout::Plain) {
    type.trace = trace_object<T>;
    type.only_handles = kOnlyHandles<T>;
  }
  return type;
}

template <class T>
std::uint32_t type_of() {
  static const std::uint32_t type = register_type(describe_type<T>());
  return type;
}

// With the header, as an arena lays it out.
template <class T>
inline constexpr std::size_t kSlotOf =
    (sizeof(T) + kHeaderBytes + kGranuleBytes - 1) / kGranuleBytes* kGranuleBytes;

template <class Tag, class T>
inline constinit AllocSite kSite;  // NOLINT: it is written to

// Of arrays, as a size says nothing of them.
template <class T>
inline constexpr bool kSizesDiffer = false;

template <class T>
[[gnu::noinline]] void introduce_site(AllocSite& site, Place place) {
  constexpr bool kInArenas =
      kContentsOf<T> != Contents::Destructible && kSlotOf<T> <= kArenaBytesMax;
  register_site(site, {.place = place,
                       .type = type_name<T>(),
                       .type_id = type_of<T>(),
                       .bytes = kSizesDiffer<T> ? 0 : sizeof(T),
                       .arena_bytes = kInArenas ? kSlotOf<T> : 0});
}

// Memory for a T with its header, all handles null.
template <class T>
inline void* allocate_on_heap(AllocSite& site, Place place) {
  // Acquire pairs with the release in register_site().
  std::uint64_t header = site.heap_header.load(std::memory_order_acquire);
  if (header == 0) [[unlikely]] {
    introduce_site<T>(site, place);
    header = site.heap_header.load(std::memory_order_relaxed);
  }
  return allocate<sizeof(T) + kHeaderBytes, kContentsOf<T>>(header, site.id);
}

// The same for a task that has an arena, where that cannot be used as it is.
template <class T>
[[gnu::noinline]] void* allocate_slowly(sched::Task& task, AllocSite& site, Place place) {
  if (site.heap_header.load(std::memory_order_acquire) == 0) introduce_site<T>(site, place);
  if constexpr (kContentsOf<T> == Contents::Destructible || kArenaBytesMax < kSlotOf<T>) {
    count_on_heap(site,
                  kContentsOf<T> == Contents::Destructible ? EscapeReason::NeedsDestructor
                                                           : EscapeReason::TooLarge,
                  sizeof(T));
    return allocate_on_heap<T>(site, place);
  } else {
    return allocate_in_arena(task, kSlotOf<T>, kContentsOf<T>, site);
  }
}

template <class T>
inline void* allocate_object(AllocSite& site, Place place) {
  static_assert(alignof(T) <= kGranuleBytes, "objects are aligned to 16 bytes");
  static_assert(!kIsHandle<T>, "ts::make makes what handles refer to");
  const sched::Thread* const thread = sched::quick_current_thread();
  sched::Task* const task = thread == nullptr ? nullptr : thread->task();
  if (task == nullptr || task->arena == 0) return allocate_on_heap<T>(site, place);
  Arena& arena = g_arenas[task->arena];
  char* const slot = arena.cursor;
  // Acquire as above; 0 if the site's objects never go there.
  const std::uint64_t header = site.arena_header.load(std::memory_order_acquire);
  // Null on a thread that has no Local yet: the task may have come from another.
  std::uint64_t* const counts = quick_local()->site_counts;
  if (header == 0 || counts == nullptr || static_cast<std::size_t>(arena.end - slot) < kSlotOf<T>)
      [[unlikely]] {
    return allocate_slowly<T>(*task, site, place);
  }
  ++counts[2 * site.id + 1];
  return fill_slot<kSlotOf<T>, kContentsOf<T>>(slot, arena.cursor, header);
}

// Memory for an array of `bytes` in all. `introduce` is introduce_site of its type.
void* allocate_array(AllocSite& site, Place place, void (*introduce)(AllocSite&, Place),
                     std::size_t bytes, Contents contents);

template <class T>
inline ref<T> made(T* object) {
  if constexpr (needs_destructor<T>()) header_of(static_cast<void*>(object)).set_built();
  // So that the compiler keeps the object's address, not one of its fields'.
  asm volatile("" : "+r"(object));
  return ref<T>(object);
}

}  // namespace taskscope::memory

namespace taskscope {

template <class T, class Tag = decltype([] {})>
[[gnu::always_inline]] inline ref<T> make(T value = {}, const char* file = __builtin_FILE(),
                                          std::uint32_t line = __builtin_LINE(),
                                          const char* function = __builtin_FUNCTION()) {
  void* const memory = memory::allocate_object<T>(memory::kSite<Tag, T>, {file, function, line});
  return memory::made(::new (memory) T(std::move(value)));
}

// `factory()` is built in place.
template <class F, class Tag = decltype([] {})>
auto make_with(F factory, const char* file = __builtin_FILE(),
               std::uint32_t line = __builtin_LINE(), const char* function = __builtin_FUNCTION()) {
  using T = decltype(factory());
  void* const memory = memory::allocate_object<T>(memory::kSite<Tag, T>, {file, function, line});
  return memory::made(::new (memory) T(factory()));
}

}  // namespace taskscope
