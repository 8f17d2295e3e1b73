// ref<T>: a handle to a collected object, for local variables, parameters and results.
//
//   ts::ref<Node> node = ts::make(Node{.value = 1});
//   node->value = 2;
//
// A plain pointer in a register: copying it costs nothing, assigning to it a look at whether
// objects are being marked, because the variable may be another task's. The object lives as long as
// some task has it in a register or on its stack. Elsewhere (in fields, globals and containers)
// ts::ptr belongs: what a ref in memory that malloc has given refers to may be collected.
#pragma once

#include <compare>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include "runtime/base/check.h"
#include "runtime/memory/barrier.h"

namespace taskscope {

template <class T>
class ptr;

template <class T>
class ref {
 public:
  using element_type = T;

  constexpr ref() = default;
  constexpr ref(std::nullptr_t) {}  // NOLINT: implicit, as of pointers
  constexpr ref(const ref&) = default;
  // REQUIRES: `object` was made by ts::make.
  constexpr explicit ref(T* object) : object_(object) {}
  // To a base that lies at the beginning of the object: handles refer to its first byte.
  template <class U>
  requires(std::is_convertible_v<U*, T*>) constexpr ref(ref<U> other)  // NOLINT: implicit
      : object_(other.get()) {
    if constexpr (!std::is_same_v<std::remove_cv_t<T>, std::remove_cv_t<U>>) {
      TASKSCOPE_CHECK(static_cast<const volatile void*>(object_) ==
                      static_cast<const volatile void*>(other.get()));
    }
  }

  constexpr ref& operator=(ref other) {
    T* const old = object_;
    object_ = other.object_;
    if (!std::is_constant_evaluated()) memory::note_overwritten(old);
    return *this;
  }

  T* get() const { return object_; }
  T* operator->() const { return object_; }
  T& operator*() const { return *object_; }
  explicit operator bool() const { return object_ != nullptr; }
  friend bool operator==(ref, ref) = default;
  friend auto operator<=>(ref, ref) = default;

 private:
  T* object_ = nullptr;
};
// It is passed in a register.
static_assert(std::is_trivially_copy_constructible_v<ref<int>> &&
              std::is_trivially_destructible_v<ref<int>> && sizeof(ref<int>) == sizeof(void*));

namespace memory {
template <class>
inline constexpr bool kNever = false;
}  // namespace memory

}  // namespace taskscope

// A container of ref does not compile: its memory is not looked at.
template <class T>
struct std::allocator<taskscope::ref<T>> {  // NOLINT(cert-dcl58-cpp): a type of ours
  using value_type = taskscope::ref<T>;
  static_assert(taskscope::memory::kNever<T>,
                "a container holds ts::ptr<T>, not ts::ref<T>: write std::vector<ts::ptr<T>>");
};
template <class K, class T>
struct std::allocator<std::pair<const K, taskscope::ref<T>>> {  // NOLINT(cert-dcl58-cpp)
  using value_type = std::pair<const K, taskscope::ref<T>>;
  static_assert(taskscope::memory::kNever<T>,
                "a map holds ts::ptr<T>, not ts::ref<T>: write std::map<K, ts::ptr<T>>");
};
template <class K, class T>
struct std::allocator<std::pair<const taskscope::ref<K>, T>> {  // NOLINT(cert-dcl58-cpp)
  using value_type = std::pair<const taskscope::ref<K>, T>;
  static_assert(taskscope::memory::kNever<T>,
                "a map's keys are ts::ptr<K>, not ts::ref<K>: write std::map<ts::ptr<K>, T>");
};
template <class T>
struct std::hash<taskscope::ref<T>> {
  std::size_t operator()(taskscope::ref<T> handle) const noexcept {
    return std::hash<T*>()(handle.get());
  }
};
