// The 8 bytes before each object: its type, where it was made, its size, and what became of it.
//
// Written by whoever makes the object before it can be found; the flags by its owner or, of an
// object that others reach, by the escape analysis, which only ever sets them.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/memory/address_space.h"
#include "runtime/trace_format/event.h"

namespace taskscope::memory {

using trace_format::EscapeReason;
using trace_format::kEscapeReasons;

class Header {
 public:
  static constexpr std::uint32_t kTypesMax = 1u << 18;
  static constexpr std::uint32_t kSitesMax = 1u << 18;

  constexpr Header() = default;
  // `bytes`: of the slot in an arena, a multiple of 16; 0: the span says it.
  constexpr Header(std::uint32_t type, std::uint32_t site, std::size_t bytes)
      : word_(type | std::uint64_t{site} << 18 | std::uint64_t{bytes / kGranuleBytes} << 36) {}

  static constexpr Header of_word(std::uint64_t word) {
    Header header;
    header.word_ = word;
    return header;
  }

  std::uint32_t type() const { return static_cast<std::uint32_t>(word_ & (kTypesMax - 1)); }
  std::uint32_t site() const { return static_cast<std::uint32_t>(word_ >> 18 & (kSitesMax - 1)); }
  std::size_t bytes() const { return (word_ >> 36 & 0xffff) * kGranuleBytes; }
  std::uint64_t word() const { return word_; }
  bool built() const { return (word_ & kBuilt) != 0; }
  bool escaped() const { return (__atomic_load_n(&word_, __ATOMIC_RELAXED) & kEscaped) != 0; }
  bool empty() const { return word_ == 0; }
  // As it is now, of an object that others may change.
  Header seen() const {
    Header header;
    __atomic_load(&word_, &header.word_, __ATOMIC_ACQUIRE);
    return header;
  }
  void set_built() { word_ |= kBuilt; }
  // False if it was already. Any task that reaches the object.
  bool set_escaped() {
    return (__atomic_fetch_or(&word_, kEscaped, __ATOMIC_RELAXED) & kEscaped) == 0;
  }

 private:
  static constexpr std::uint64_t kEscaped = std::uint64_t{1} << 52;
  // Its constructor has returned. Kept of those only whose destructor is due.
  static constexpr std::uint64_t kBuilt = std::uint64_t{1} << 53;

  std::uint64_t word_ = 0;
};
static_assert(sizeof(Header) == kHeaderBytes);

inline Header& header_of(void* object) { return static_cast<Header*>(object)[-1]; }
inline const Header& header_of(const void* object) {
  return static_cast<const Header*>(object)[-1];
}

}  // namespace taskscope::memory
