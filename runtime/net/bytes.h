// Bytes and MutableBytes: memory to send from and to receive into.
//
// Plain views, made implicitly of whatever holds bytes or characters in a row, so that a program
// passes an array, a vector, a string or a span as it is. They borrow; any thread.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>

namespace taskscope::net {

template <class T>
inline constexpr bool kIsByte = std::is_same_v<std::remove_const_t<T>, char> ||
                                std::is_same_v<std::remove_const_t<T>, unsigned char> ||
                                std::is_same_v<std::remove_const_t<T>, std::byte>;

class MutableBytes {
 public:
  MutableBytes() = default;
  MutableBytes(void* data, std::size_t size) : data_(static_cast<std::byte*>(data)), size_(size) {}
  // Anything that std::span takes: arrays, std::array, std::vector, std::string, spans.
  template <class Range>
  requires(requires(Range& range) {
    std::span(range);
    requires kIsByte<typename decltype(std::span(range))::element_type>;
    requires !std::is_const_v<typename decltype(std::span(range))::element_type>;
  }) MutableBytes(Range&& range)  // NOLINT: implicit
      : MutableBytes(std::span(range).data(), std::span(range).size()) {}

  std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  // Without its first `count` bytes.
  MutableBytes from(std::size_t count) const { return {data_ + count, size_ - count}; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

class Bytes {
 public:
  Bytes() = default;
  Bytes(const void* data, std::size_t size)
      : data_(static_cast<const std::byte*>(data)), size_(size) {}
  // A literal, without the zero at its end; an array that may be written to is a buffer, all of it.
  Bytes(const char* text) : Bytes(text, std::string_view(text).size()) {}  // NOLINT: implicit
  template <std::size_t kSize>
  Bytes(char (&buffer)[kSize]) : Bytes(buffer, kSize) {}  // NOLINT: implicit
  // Strings, arrays, vectors, spans.
  template <class Range>
  requires(!std::is_convertible_v<const Range&, const char*> &&
           requires(const Range& range) {
             std::span(range);
             requires kIsByte<typename decltype(std::span(range))::element_type>;
           }) Bytes(const Range& range)  // NOLINT: implicit
      : Bytes(std::span(range).data(), std::span(range).size()) {}

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  Bytes from(std::size_t count) const { return {data_ + count, size_ - count}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace taskscope::net
