// Sorts many values by a 64-bit key in linear time. Pure; usable from any thread.
//
// A recording's instants differ in 30 to 40 bits, so three or four passes replace the 23 levels of
// comparisons that ten million spans would cost.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace taskscope::viewer {

// Stable. `key` maps a value to a std::int64_t.
template <class T, class Key>
void radix_sort(std::vector<T>& values, Key key) {
  constexpr unsigned kDigitBits = 11;
  constexpr std::size_t kDigits = std::size_t{1} << kDigitBits;
  constexpr std::size_t kSmall = 2 * kDigits;  // below, clearing the counters costs more
  const auto before = [&](const T& a, const T& b) { return key(a) < key(b); };
  if (std::is_sorted(values.begin(), values.end(), before)) return;
  if (values.size() < kSmall) return std::stable_sort(values.begin(), values.end(), before);
  const auto [least, most] = std::minmax_element(values.begin(), values.end(), before);
  // Unsigned differences are right for all keys, even across the whole range.
  const auto base = static_cast<std::uint64_t>(key(*least));
  const std::uint64_t reach = static_cast<std::uint64_t>(key(*most)) - base;
  std::vector<T> other(values.size());
  for (unsigned shift = 0; shift < 64 && reach >> shift != 0; shift += kDigitBits) {
    const auto digit = [&](const T& value) {
      return (static_cast<std::uint64_t>(key(value)) - base) >> shift & (kDigits - 1);
    };
    std::array<std::size_t, kDigits> next{};
    for (const T& value : values) ++next[digit(value)];
    std::size_t sum = 0;
    for (std::size_t& count : next) {
      const std::size_t here = count;
      count = sum;
      sum += here;
    }
    for (const T& value : values) other[next[digit(value)]++] = value;
    values.swap(other);
  }
}

}  // namespace taskscope::viewer
