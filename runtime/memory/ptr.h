// ptr<T>: a handle to a collected object that is stored: in a field, a global, a container.
//
//   struct Node {
//     int value = 0;
//     ts::ptr<Node> next;
//   };
//
// The object lives as long as something that lives refers to it. In collected objects a ptr costs
// what a pointer does, and a look at whether an object of a scope is stored where it outlives that
// scope. Outside of them it keeps its object alive by itself, which takes some 20 ns when it is
// set and when it ends (roots.h); a local variable is better a ts::ref.
//
// Handles of one object are used like any value: tasks that use it at once need a lock.
#pragma once

#include <compare>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include "runtime/memory/address_space.h"
#include "runtime/memory/barrier.h"
#include "runtime/memory/ref.h"

namespace taskscope::memory {

// `object` is stored in collected memory at `place`.
void note_stored(const void* place, void* object);
// What of a handle at `place` changes that lies elsewhere.
void store_outside(void** place, void* object);

inline void store_handle(void** place, void* object) {
  if (g_space.contains(place)) [[likely]] {
    void* const old = *place;
    // Release: the collector may follow it at once.
    __atomic_store_n(place, object, __ATOMIC_RELEASE);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    // A task opens its scope before it makes anything there.
    const std::uint32_t watch = watched();
    if (watch == 0) return;
    if ((watch & kMarking) != 0) [[unlikely]]
      keep_alive(old);
    if ((watch & kScopesUsed) == 0) return;
    const Span& from = g_space.span_of(place);
    // Most often both lie in one block.
    const auto apart =
        reinterpret_cast<std::uintptr_t>(place) ^ reinterpret_cast<std::uintptr_t>(object);
    if (apart < kSpanBytes && from.careful == 0) return;
    if (!g_space.contains(object)) return;
    const Span& to = g_space.span_of(object);
    if (to.kind == SpanKind::Arena && (from.arena != to.arena || from.careful != 0)) {
      note_stored(place, object);
    }
  } else if (g_space.on_task_stack(place)) {
    void* const old = *place;
    *place = object;
    note_overwritten(old);
  } else {
    store_outside(place, object);
  }
}

// A handle that is not null ends. Nothing is left of one outside: what looks at all memory would
// take it for a handle. In a collected object another may be constructed in its place.
inline void end_handle(void** place) {
  if (g_space.contains(place)) {
    note_overwritten(*place);
  } else if (!g_space.on_task_stack(place)) {
    store_outside(place, nullptr);
  }
}

}  // namespace taskscope::memory

namespace taskscope {

template <class T>
class ptr {
 public:
  using element_type = T;

  constexpr ptr() = default;
  constexpr ptr(std::nullptr_t) {}             // NOLINT: implicit, as of pointers
  ptr(ref<T> object) { begin(object.get()); }  // NOLINT: implicit
  template <class U>
  requires(std::is_convertible_v<U*, T*> && !std::is_same_v<U, T>) ptr(ref<U> object)  // NOLINT
      : ptr(ref<T>(object)) {}
  // A handle that was moved from is as it was: that costs less than to change it.
  ptr(const ptr& other) noexcept { begin(other.get()); }
  template <class U>
  requires(std::is_convertible_v<U*, T*> && !std::is_same_v<U, T>)
      ptr(const ptr<U>& other)  // NOLINT
      : ptr(ref<T>(ref<U>(other))) {}
  ~ptr() {
    if (object_ != nullptr) memory::end_handle(&object_);
  }

  ptr& operator=(const ptr& other) noexcept {  // NOLINT: of itself is well
    store(other.get());
    return *this;
  }
  ptr& operator=(ref<T> object) {
    store(object.get());
    return *this;
  }
  ptr& operator=(std::nullptr_t) {
    store(nullptr);
    return *this;
  }

  operator ref<T>() const { return ref<T>(get()); }  // NOLINT: implicit
  T* get() const { return static_cast<T*>(__atomic_load_n(&object_, __ATOMIC_RELAXED)); }
  T* operator->() const { return get(); }
  T& operator*() const { return *get(); }
  explicit operator bool() const { return get() != nullptr; }
  friend bool operator==(const ptr& a, const ptr& b) { return a.get() == b.get(); }
  friend auto operator<=>(const ptr& a, const ptr& b) { return a.get() <=> b.get(); }
  friend bool operator==(const ptr& a, std::nullptr_t) { return a.get() == nullptr; }

  // For the collector.
  const void* place() const { return &object_; }

 private:
  using Object = std::remove_const_t<T>;
  void begin(T* object) {
    if (object != nullptr) store(object);
  }
  void store(T* object) { memory::store_handle(&object_, const_cast<Object*>(object)); }

  void* object_ = nullptr;
};
static_assert(sizeof(ptr<int>) == sizeof(void*));

}  // namespace taskscope

template <class T>
struct std::hash<taskscope::ptr<T>> {
  std::size_t operator()(const taskscope::ptr<T>& handle) const noexcept {
    return std::hash<T*>()(handle.get());
  }
};
