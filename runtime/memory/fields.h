// What the fields of a type are: found by the compiler for plain structs, shown by a class itself.
//
// A struct without constructors, base classes and private fields is taken apart by structured
// bindings, up to 16 fields; arrays, pairs, tuples and the standard containers are known, optionals
// and variants are looked at word by word. A class with a member `trace` shows its fields itself.
// Anything else is looked at word by word, which finds handles in it, but not in what it has
// allocated.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

#include "runtime/memory/holds_handles.h"
#include "runtime/memory/ptr.h"
#include "runtime/memory/ref.h"
#include "runtime/memory/tracer.h"

namespace taskscope {

// True of a type whose destructor need not run when its objects are collected: say so of classes
// that the compiler cannot look into, and in which nothing but handles and numbers is.
//   template <>
//   inline constexpr bool taskscope::kDroppable<Cursor> = true;
template <class T>
inline constexpr bool kDroppable = std::is_trivially_destructible_v<T>;

namespace memory {

// ---- How many fields ----------------------------------------------------------------------------

struct AnyField {
  template <class T>
  operator T() const {  // NOLINT: never called, though some constructors would
    __builtin_unreachable();
  }
};
template <std::size_t>
using AnyFieldAt = AnyField;

inline constexpr std::size_t kFieldsMax = 16;
inline constexpr std::size_t kTooManyFields = kFieldsMax + 1;

template <class T, std::size_t... I>
consteval bool takes_fields(std::index_sequence<I...>) {
  return requires { T{AnyFieldAt<I>{}...}; };
}
// Whether an array takes `kSize` values at flat place sizeof...(Before).
template <class T, std::size_t... Before, std::size_t... In, std::size_t... After>
consteval bool takes_nested(std::index_sequence<Before...>, std::index_sequence<In...>,
                            std::index_sequence<After...>) {
  return requires { T{AnyFieldAt<Before>{}..., {AnyFieldAt<In>{}...}, AnyFieldAt<After>{}...}; };
}
// The largest number of values that it can be made of: with fewer it may not be, if the last fields
// have no default. kTooManyFields also if there is none.
template <class T, std::size_t kCount = kTooManyFields>
consteval std::size_t flat_count() {
  if constexpr (takes_fields<T>(std::make_index_sequence<kCount>{})) {
    return kCount;
  } else if constexpr (kCount == 0) {
    return kTooManyFields;
  } else {
    return flat_count<T, kCount - 1>();
  }
}
// How many flat values the field at flat place kAt takes: more than one for an array, whose braces
// may be left out.
template <class T, std::size_t kFlat, std::size_t kAt, std::size_t kSize>
consteval std::size_t flat_size() {
  if constexpr (kAt + kSize > kFlat) {
    return 1;
  } else {
    constexpr auto kBefore = std::make_index_sequence<kAt>{};
    constexpr auto kIn = std::make_index_sequence<kSize>{};
    constexpr auto kAfter = std::make_index_sequence<kFlat - kAt - kSize>{};
    constexpr auto kOneMore = std::make_index_sequence<kFlat - kAt - kSize + 1>{};
    // A struct in braces is one flat value, and leaves room for one more behind it.
    if constexpr (takes_nested<T>(kBefore, kIn, kAfter) &&
                  !takes_nested<T>(kBefore, kIn, kOneMore)) {
      return kSize;
    } else {
      return flat_size<T, kFlat, kAt, kSize + 1>();
    }
  }
}
template <class T, std::size_t kFlat, std::size_t kAt = 0>
consteval std::size_t count_from() {
  if constexpr (kAt >= kFlat) {
    return 0;
  } else {
    return 1 + count_from<T, kFlat, kAt + flat_size<T, kFlat, kAt, 2>()>();
  }
}
template <class T>
consteval std::size_t field_count() {
  constexpr std::size_t kFlat = flat_count<T>();
  if constexpr (kFlat > kFieldsMax) {
    return kTooManyFields;
  } else {
    return count_from<T, kFlat>();
  }
}

// Calls `use(fields…)`.
template <class T, class Use>
constexpr decltype(auto) with_fields(T& object, Use use) {
  constexpr std::size_t kCount = field_count<std::remove_const_t<T>>();
  static_assert(kCount <= kFieldsMax);
  // NOLINTBEGIN(bugprone-macro-parentheses): names
#define TASKSCOPE_FIELDS(count, ...)    \
  else if constexpr (kCount == count) { \
    auto& [__VA_ARGS__] = object;       \
    return use(__VA_ARGS__);            \
  }
  if constexpr (kCount == 0) {
    return use();
  }
  TASKSCOPE_FIELDS(1, a)
  TASKSCOPE_FIELDS(2, a, b)
  TASKSCOPE_FIELDS(3, a, b, c)
  TASKSCOPE_FIELDS(4, a, b, c, d)
  TASKSCOPE_FIELDS(5, a, b, c, d, e)
  TASKSCOPE_FIELDS(6, a, b, c, d, e, f)
  TASKSCOPE_FIELDS(7, a, b, c, d, e, f, g)
  TASKSCOPE_FIELDS(8, a, b, c, d, e, f, g, h)
  TASKSCOPE_FIELDS(9, a, b, c, d, e, f, g, h, i)
  TASKSCOPE_FIELDS(10, a, b, c, d, e, f, g, h, i, j)
  TASKSCOPE_FIELDS(11, a, b, c, d, e, f, g, h, i, j, k)
  TASKSCOPE_FIELDS(12, a, b, c, d, e, f, g, h, i, j, k, l)
  TASKSCOPE_FIELDS(13, a, b, c, d, e, f, g, h, i, j, k, l, m)
  TASKSCOPE_FIELDS(14, a, b, c, d, e, f, g, h, i, j, k, l, m, n)
  TASKSCOPE_FIELDS(15, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o)
  TASKSCOPE_FIELDS(16, a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p)
#undef TASKSCOPE_FIELDS
  // NOLINTEND(bugprone-macro-parentheses)
}

// ---- What kind of field -------------------------------------------------------------------------

template <class T>
inline constexpr bool kIsTuple = false;
template <class A, class B>
inline constexpr bool kIsTuple<std::pair<A, B>> = true;
template <class... Ts>
inline constexpr bool kIsTuple<std::tuple<Ts...>> = true;

template <class T>
inline constexpr bool kIsArray = std::is_array_v<T>;
template <class T, std::size_t kSize>
inline constexpr bool kIsArray<std::array<T, kSize>> = true;

template <class T>
inline constexpr bool kIsString = false;
template <class C, class Traits, class Allocator>
inline constexpr bool kIsString<std::basic_string<C, Traits, Allocator>> = true;

template <class T>
inline constexpr bool kIsOwner = false;
template <class T>
inline constexpr bool kIsOwner<std::unique_ptr<T>> = true;

template <class T>
concept Container = requires(T& object) {
  typename T::value_type;
  typename T::allocator_type;
  object.begin();
  object.end();
};
// A number and the like: it cannot refer to a collected object. Pointers can.
template <class T>
inline constexpr bool kIsPlain =
    std::is_arithmetic_v<T> || std::is_enum_v<T> || std::is_empty_v<T> ||
    std::is_member_pointer_v<T> || std::is_null_pointer_v<T> ||
    std::is_function_v<std::remove_pointer_t<T>> || kIsString<T>;
template <class T>
consteval bool taken_apart() {
  if constexpr (std::is_aggregate_v<T> && !kIsArray<T> && !ShowsItself<T>) {
    return field_count<T>() <= kFieldsMax;
  } else {
    return false;
  }
}

// How much of a type the collector must look at.
enum class Layout : std::uint8_t {
  Plain,  // nothing
  Fixed,  // always the same words
  Moving  // what a function shows
};
template <class T>
consteval Layout layout_of();
constexpr Layout most(Layout a, Layout b) { return a < b ? b : a; }

// The types of a struct's fields.
template <class T>
using FieldTypes = decltype(with_fields(std::declval<T&>(), [](auto&... fields) {
  return static_cast<std::tuple<std::remove_cvref_t<decltype(fields)>...>*>(nullptr);
}));

template <class... Ts>
consteval Layout layout_of_all(std::tuple<Ts...>*) {
  Layout layout = Layout::Plain;
  ((layout = most(layout, layout_of<Ts>())), ...);
  return layout;
}

template <class T>
consteval Layout layout_of() {
  using Bare = std::remove_cv_t<T>;
  if constexpr (kIsPlain<Bare>) {
    return Layout::Plain;
  } else if constexpr (kIsHandle<Bare> || std::is_pointer_v<Bare> || std::is_reference_v<Bare>) {
    return Layout::Fixed;
  } else if constexpr (ShowsItself<Bare>) {
    return Layout::Moving;
  } else if constexpr (kIsArray<Bare>) {
    return layout_of<std::remove_cvref_t<decltype(std::declval<Bare&>()[0])>>();
  } else if constexpr (kIsOwner<Bare> || Container<Bare>) {
    return Layout::Moving;
  } else if constexpr (kIsTuple<Bare>) {
    return layout_of_all(PartsOf<Bare>{});
  } else if constexpr (taken_apart<Bare>()) {
    return layout_of_all(FieldTypes<Bare>{});
  } else {
    return sizeof(Bare) < sizeof(void*) ? Layout::Plain : Layout::Fixed;
  }
}

// Whether the destructor of a collected object must run: what has allocated elsewhere.
template <class T>
consteval bool needs_destructor();
template <class... Ts>
consteval bool any_needs_destructor(std::tuple<Ts...>*) {
  return (needs_destructor<Ts>() || ...);
}
template <class T>
consteval bool needs_destructor() {
  if constexpr (kIsHandle<T> || kDroppable<T>) {
    return false;
  } else if constexpr (kIsArray<T>) {
    return needs_destructor<std::remove_cvref_t<decltype(std::declval<T&>()[0])>>();
  } else if constexpr (Parts<T>::kKnown) {
    return any_needs_destructor(PartsOf<T>{});
  } else if constexpr (taken_apart<T>()) {
    return any_needs_destructor(FieldTypes<T>{});
  } else {
    return true;
  }
}

// ---- Showing them -------------------------------------------------------------------------------

template <class T>
void show(Tracer& tracer, T& field);

template <class T>
void show_handle(Tracer& tracer, const ref<T>& handle) {
  if (handle) tracer.edge(&handle, const_cast<std::remove_const_t<T>*>(handle.get()));
}
template <class T>
void show_handle(Tracer& tracer, const ptr<T>& handle) {
  if (T* const object = handle.get()) {
    tracer.edge(handle.place(), const_cast<std::remove_const_t<T>*>(object));
  }
}

template <class T>
void show(Tracer& tracer, T& field) {
  using Bare = std::remove_cv_t<T>;
  if constexpr (layout_of<Bare>() == Layout::Plain) {
    // Nothing to see.
  } else if constexpr (kIsHandle<Bare>) {
    show_handle(tracer, field);
  } else if constexpr (ShowsItself<Bare>) {
    const_cast<Bare&>(field).trace(tracer);
  } else if constexpr (kIsArray<Bare>) {
    for (auto& element : field) show(tracer, element);
  } else if constexpr (kIsOwner<Bare>) {
    if (tracer.sees_containers() && field != nullptr) show(tracer, *field);
  } else if constexpr (Container<Bare>) {
    if (!tracer.sees_containers()) return;
    if constexpr (std::is_same_v<typename Bare::value_type, bool>) return;
    for (auto& element : field) show(tracer, element);
  } else if constexpr (taken_apart<Bare>()) {
    with_fields(field, [&](auto&... fields) { (show(tracer, fields), ...); });
  } else if constexpr (kIsTuple<Bare>) {
    std::apply([&](auto&... parts) { (show(tracer, parts), ...); }, field);
  } else {
    tracer.words(&field, sizeof field);
  }
}

template <class... Fields>
void Tracer::operator()(Fields&... fields) {
  (show(*this, fields), ...);
}

}  // namespace memory
}  // namespace taskscope
