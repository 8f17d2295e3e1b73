#include "viewer/platform/xml_text.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace taskscope::viewer {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

// The length of the character in front, or 0 if it is no UTF-8 or nothing that XML 1.0 may hold.
std::size_t character_length(std::string_view text) {
  const auto byte = [&](std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 || lead == '\t' || lead == '\n' ? 1 : 0;
  const std::size_t length = lead >> 5 == 0x6    ? 2
                             : lead >> 4 == 0xe  ? 3
                             : lead >> 3 == 0x1e ? 4
                                                 : 0;
  if (length == 0) return 0;
  std::uint32_t value = lead & (0x7fU >> length);
  for (std::size_t at = 1; at < length; ++at) {
    if (byte(at) >> 6 != 0x2) return 0;
    value = value << 6 | (byte(at) & 0x3f);
  }
  const bool shortest = value >= (length == 2 ? 0x80U : length == 3 ? 0x800U : 0x10000U);
  const bool allowed =
      value <= 0x10ffff && (value < 0xd800 || value > 0xdfff) && value != 0xfffe && value != 0xffff;
  return shortest && allowed ? length : 0;
}

}  // namespace

std::string xml_text(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t length = character_length(text);
    const char first = text.front();
    if (length == 0) {
      out += kReplacement;
    } else if (first == '&') {
      out += "&amp;";
    } else if (first == '<') {
      out += "&lt;";
    } else if (first == '>') {
      out += "&gt;";
    } else if (first == '"') {
      out += "&quot;";
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

}  // namespace taskscope::viewer
