// Whether values of a type hold handles to collected objects, as far as the compiler can look: what
// a channel of such values must show to the collector, and what is sent through it escapes.
//
// Structs are only tried to be built, never taken apart, so that any type may be asked for.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace taskscope {

template <class T>
class ref;
template <class T>
class ptr;
class any;

namespace memory {

class Tracer;

template <class T>
inline constexpr bool kIsHandle = false;
template <class T>
inline constexpr bool kIsHandle<ref<T>> = true;
template <class T>
inline constexpr bool kIsHandle<ptr<T>> = true;

template <class T>
concept ShowsItself = requires(T& object, Tracer& tracer) {
  object.trace(tracer);
};

// What values of these are made of.
template <class T>
struct Parts {
  using type = std::tuple<>;
  static constexpr bool kKnown = false;
};
template <class A, class B>
struct Parts<std::pair<A, B>> {
  using type = std::tuple<A, B>;
  static constexpr bool kKnown = true;
};
template <class... Ts>
struct Parts<std::tuple<Ts...>> {
  using type = std::tuple<Ts...>;
  static constexpr bool kKnown = true;
};
template <class... Ts>
struct Parts<std::variant<Ts...>> {
  using type = std::tuple<Ts...>;
  static constexpr bool kKnown = true;
};
template <class T>
struct Parts<std::optional<T>> {
  using type = std::tuple<T>;
  static constexpr bool kKnown = true;
};
template <class T, std::size_t kSize>
struct Parts<std::array<T, kSize>> {
  using type = std::tuple<T>;
  static constexpr bool kKnown = true;
};
template <class T>
using PartsOf = typename Parts<T>::type*;

// Becomes any value that has no fields which braces could begin.
struct AnyLeaf {
  template <class T>
  requires(!std::is_aggregate_v<T>) operator T() const;  // NOLINT: never called
};
template <std::size_t>
using AnyLeafAt = AnyLeaf;
struct AnyHandle {
  template <class T>
  requires(kIsHandle<T> || ShowsItself<T>) operator T() const;  // NOLINT: never called
};

inline constexpr std::size_t kLeavesMax = 32;
template <class T, std::size_t... I>
consteval bool takes_leaves(std::index_sequence<I...>) {
  return requires { T{AnyLeafAt<I>{}...}; };
}
template <class T, std::size_t kCount = kLeavesMax>
consteval std::size_t leaf_count() {
  if constexpr (kCount == 0 || takes_leaves<T>(std::make_index_sequence<kCount>{})) {
    return kCount;
  } else {
    return leaf_count<T, kCount - 1>();
  }
}
template <class T, std::size_t... Before, std::size_t... After>
consteval bool takes_handle(std::index_sequence<Before...>, std::index_sequence<After...>) {
  return requires { T{AnyLeafAt<Before>{}..., AnyHandle{}, AnyLeafAt<After>{}...}; };
}
// Whether one of the values that a struct is made of, those of structs in it too, is a handle.
template <class T, std::size_t kLeaves, std::size_t kAt = 0>
consteval bool has_handle() {
  if constexpr (kAt >= kLeaves) {
    return false;
  } else if constexpr (takes_handle<T>(std::make_index_sequence<kAt>{},
                                       std::make_index_sequence<kLeaves - kAt - 1>{})) {
    return true;
  } else {
    return has_handle<T, kLeaves, kAt + 1>();
  }
}

template <class T>
consteval bool holds_handles();
template <class... Ts>
consteval bool any_holds_handles(std::tuple<Ts...>*) {
  return (holds_handles<Ts>() || ...);
}
template <class T>
consteval bool holds_handles() {
  using Bare = std::remove_cv_t<T>;
  if constexpr (kIsHandle<Bare> || ShowsItself<Bare>) {
    return true;
  } else if constexpr (Parts<Bare>::kKnown) {
    return any_holds_handles(PartsOf<Bare>{});
  } else if constexpr (std::is_class_v<Bare> && std::is_aggregate_v<Bare>) {
    return has_handle<Bare, leaf_count<Bare>()>();
  } else {
    return false;
  }
}

// A value goes to a channel, where its scope does not see it any more. What is taken from one:
// note_taken() (barrier.h).
void note_sent(const void* value, std::size_t bytes);

}  // namespace memory
}  // namespace taskscope
