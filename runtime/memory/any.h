// any: a handle to a collected object of any type. What std::any is for values.
//
//   ts::any box = ts::make(Point{1, 2});
//   if (ts::ref<Point> point = box.as<Point>()) use(*point);
//   if (!box.has_value()) return;
//
// To assign to it is to assign to an interface in Go: the object escapes.
#pragma once

#include <type_traits>

#include "runtime/memory/arena.h"
#include "runtime/memory/make.h"
#include "runtime/memory/ptr.h"

namespace taskscope {

class any {
 public:
  any() = default;
  template <class T>
  any(ref<T> object)  // NOLINT: implicit
      : object_(box(object.get())), type_(object ? memory::type_of<T>() : 0) {}
  template <class T>
  any(const ptr<T>& object) : any(ref<T>(object)) {}  // NOLINT: implicit

  // Null if it is none of these.
  template <class T>
  ref<T> as() const {
    if (type_ == 0 || type_ != memory::type_of<T>()) return {};
    return ref<T>(reinterpret_cast<T*>(object_.get()));
  }
  bool has_value() const { return static_cast<bool>(object_); }

  // For the collector.
  void trace(Tracer& tracer) { tracer(object_); }

 private:
  static ref<std::byte> box(void* object) {
    if (object != nullptr) memory::escape_object(object, EscapeReason::Boxed);
    return ref<std::byte>(static_cast<std::byte*>(object));
  }

  ptr<std::byte> object_;
  std::uint32_t type_ = 0;
};
template <>
inline constexpr bool kDroppable<any> = true;

}  // namespace taskscope
