// Which sizes the slots of small objects have, and which list an object's slots come from.
//
// Multiples of 16, about an eighth apart, chosen so that little of a span is left over. Objects of
// one size come in three kinds that lie in spans of their own: those that refer to nothing, which
// the collector need not look into; those that refer to others; and those whose destructors are
// due.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/memory/address_space.h"

namespace taskscope::memory {

inline constexpr std::uint32_t kSlotBytes[] = {
    16,   32,   48,   64,   80,   96,   112,  128,  144,  160,  176,  192,  208,   224,  240,
    256,  288,  320,  352,  384,  416,  448,  512,  576,  640,  704,  768,  896,   1024, 1152,
    1280, 1408, 1536, 1792, 2048, 2336, 2720, 3264, 4080, 5456, 6544, 8176, 10912, 16368};
inline constexpr std::size_t kSizeClasses = sizeof kSlotBytes / sizeof kSlotBytes[0];
inline constexpr std::size_t kSmallBytesMax = kSlotBytes[kSizeClasses - 1];  // header included

enum class Contents : std::uint8_t { Plain, References, Destructible };
inline constexpr std::size_t kContents = 3;
inline constexpr std::size_t kLists = kSizeClasses * kContents;

// `bytes` with the header, at most kSmallBytesMax.
constexpr std::size_t size_class_of(std::size_t bytes) {
  std::size_t size_class = 0;
  while (kSlotBytes[size_class] < bytes) ++size_class;
  return size_class;
}
constexpr std::size_t list_of(std::size_t bytes, Contents contents) {
  return size_class_of(bytes) * kContents + static_cast<std::size_t>(contents);
}
constexpr std::uint32_t slot_bytes_of(std::size_t list) { return kSlotBytes[list / kContents]; }
constexpr std::uint32_t slots_of(std::size_t list) {
  return static_cast<std::uint32_t>((kSpanBytes - kFirstSlot) / slot_bytes_of(list));
}

}  // namespace taskscope::memory
