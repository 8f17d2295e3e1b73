// Memory that only grows and is given back as a whole: where a session keeps what it packed.
//
// One thread fills it; what was filled never moves and may be read from any thread once nothing is
// added any more. Before, who reads a little beyond what is packed meets what is being written;
// Beside::Readers leaves so much room behind everything that they do not.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <type_traits>
#include <vector>

namespace taskscope::viewer {

class PackedArena {
 public:
  // Whoever reads packed bytes may read so many beyond the last one.
  static constexpr std::size_t kReadBeyond = 8;

  enum class Beside : std::uint8_t { Nobody, Readers };
  explicit PackedArena(Beside beside = Beside::Nobody)
      : gap_(beside == Beside::Readers ? kReadBeyond : 0) {}

  template <class T>
  const T* copy(std::span<const T> values) {
    static_assert(std::is_trivially_copyable_v<T>);
    if (values.empty()) return nullptr;
    std::byte* at = allocate(values.size_bytes() + gap_, alignof(T));
    std::memcpy(at, values.data(), values.size_bytes());
    std::memset(at + values.size_bytes(), 0, gap_);
    return reinterpret_cast<const T*>(at);
  }

  // Both, one behind the other.
  template <class T>
  const T* join(std::span<const T> first, std::span<const T> second) {
    static_assert(std::is_trivially_copyable_v<T>);
    std::byte* at = allocate(first.size_bytes() + second.size_bytes() + gap_, alignof(T));
    if (!first.empty()) std::memcpy(at, first.data(), first.size_bytes());
    std::memcpy(at + first.size_bytes(), second.data(), second.size_bytes());
    std::memset(at + first.size_bytes() + second.size_bytes(), 0, gap_);
    return reinterpret_cast<const T*>(at);
  }

  std::size_t bytes() const { return bytes_; }  // taken from the system

 private:
  static constexpr std::size_t kPageBytes = std::size_t{1} << 20;

  std::byte* allocate(std::size_t bytes, std::size_t alignment) {
    std::size_t skip =
        (alignment - reinterpret_cast<std::uintptr_t>(next_) % alignment) % alignment;
    if (next_ == nullptr || skip + bytes > left_) {
      const std::size_t size = std::max(bytes, kPageBytes);
      pages_.emplace_back(new std::byte[size + kReadBeyond]);  // not cleared: written before read
      std::memset(pages_.back().get() + size, 0, kReadBeyond);
      next_ = pages_.back().get();
      left_ = size;
      bytes_ += size + kReadBeyond;
      skip = 0;
    }
    std::byte* at = next_ + skip;
    next_ = at + bytes;
    left_ -= skip + bytes;
    return at;
  }

  // Constant after construction.
  std::size_t gap_;

  // Owned by who fills it.
  std::vector<std::unique_ptr<std::byte[]>> pages_;
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace taskscope::viewer
