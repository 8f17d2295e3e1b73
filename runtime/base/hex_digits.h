// Bytes as hexadecimal digits, two each: how build ids are written. A plain function.
#pragma once

#include <span>
#include <string>

namespace taskscope::base {

inline std::string hex_digits(std::span<const unsigned char> bytes) {
  std::string digits;
  for (const unsigned char byte : bytes) {
    digits += "0123456789abcdef"[byte >> 4];
    digits += "0123456789abcdef"[byte & 15];
  }
  return digits;
}

}  // namespace taskscope::base
