// array<T>: a collected array whose length is known when it is made.
//
//   ts::ref<ts::array<int>> row = ts::make_array<int>(80);
//   row->at(79) = 1;
//   int last = (*row)[row->size() - 1];
//   for (int& cell : *row) cell = 2;
#pragma once

#include <cstddef>
#include <new>

#include "runtime/base/check.h"
#include "runtime/memory/make.h"

namespace taskscope {

namespace memory {

inline constexpr std::size_t kArrayBytesMax = std::size_t{1} << 37;

}  // namespace memory

template <class T>
class array {
 public:
  array(const array&) = delete;
  array& operator=(const array&) = delete;
  ~array() {
    for (T& element : *this) element.~T();
  }

  std::size_t size() const { return size_; }
  T* begin() { return reinterpret_cast<T*>(this + 1); }
  T* end() { return begin() + size_; }
  const T* begin() const { return reinterpret_cast<const T*>(this + 1); }
  const T* end() const { return begin() + size_; }
  T& operator[](std::size_t at) { return begin()[at]; }
  const T& operator[](std::size_t at) const { return begin()[at]; }
  // Fails a check beyond the end.
  T& at(std::size_t at) {
    TASKSCOPE_CHECK(at < size_);
    return begin()[at];
  }

  // For the collector.
  void trace(Tracer& tracer) {
    for (T& element : *this) tracer(element);
  }

 private:
  template <class U, class Tag>
  friend ref<array<U>> make_array(std::size_t, const char*, std::uint32_t, const char*);
  array() = default;

  alignas(memory::kGranuleBytes) std::size_t size_ = 0;  // of what has been constructed
};
template <class T>
inline constexpr bool memory::kOnlyHandles<array<T>> = memory::kIsHandle<T>;
template <class T>
inline constexpr bool memory::kSizesDiffer<array<T>> = true;
template <class T>
inline constexpr bool kDroppable<array<T>> = !memory::needs_destructor<T>();

// Of `size` elements, each T().
template <class T, class Tag = decltype([] {})>
ref<array<T>> make_array(std::size_t size, const char* file = __builtin_FILE(),
                         std::uint32_t line = __builtin_LINE(),
                         const char* function = __builtin_FUNCTION()) {
  using Array = array<T>;
  static_assert(alignof(T) <= memory::kGranuleBytes, "objects are aligned to 16 bytes");
  memory::AllocSite& site = memory::kSite<Tag, Array>;
  // What a negative number has become is too large, too.
  TASKSCOPE_CHECK(size <= memory::kArrayBytesMax / sizeof(T));
  const std::size_t bytes = sizeof(Array) + size * sizeof(T);
  constexpr auto kWhat = memory::needs_destructor<T>() ? memory::Contents::Destructible
                         : memory::layout_of<T>() == memory::Layout::Plain
                             ? memory::Contents::Plain
                             : memory::Contents::References;
  void* const memory = memory::allocate_array(site, {file, function, line},
                                              memory::introduce_site<Array>, bytes, kWhat);
  auto* const object = ::new (memory) Array;
  for (; object->size_ < size; ++object->size_) ::new (object->end()) T();
  return memory::made(object);
}

}  // namespace taskscope
