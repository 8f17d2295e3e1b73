#include "viewer/model/marks.h"

#include <algorithm>
#include <cmath>

namespace taskscope::viewer {
namespace {

// Bytes of the character in front; 0 if it is not UTF-8.
std::size_t character_bytes(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t bytes = lead < 0x80   ? 1
                            : lead < 0xc2 ? 0
                            : lead < 0xe0 ? 2
                            : lead < 0xf0 ? 3
                            : lead < 0xf5 ? 4
                                          : 0;
  if (bytes == 0 || bytes > text.size()) return 0;
  for (const char next : text.substr(1, bytes - 1)) {
    if ((static_cast<unsigned char>(next) & 0xc0) != 0x80) return 0;
  }
  return bytes;
}

}  // namespace

std::optional<std::size_t> add_mark(std::vector<Mark>& marks, std::int64_t ns) {
  const auto at =
      std::lower_bound(marks.begin(), marks.end(), ns,
                       [](const Mark& mark, std::int64_t at_ns) { return mark.ns < at_ns; });
  const auto index = static_cast<std::size_t>(at - marks.begin());
  if (at != marks.end() && at->ns == ns) return index;
  if (marks.size() >= kMarksMax) return std::nullopt;
  marks.insert(at, {ns, {}});
  return index;
}

std::optional<std::size_t> mark_near(const std::vector<Mark>& marks, std::int64_t ns,
                                     double reach_ns) {
  std::optional<std::size_t> nearest;
  for (std::size_t at = 0; at < marks.size(); ++at) {
    const double distance = std::abs(static_cast<double>(marks[at].ns) - static_cast<double>(ns));
    if (distance > reach_ns) continue;
    reach_ns = distance;
    nearest = at;
  }
  return nearest;
}

std::string clean_note(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const auto lead = static_cast<unsigned char>(text.front());
    const bool shown = bytes > 1 || (bytes == 1 && lead >= 0x20 && lead != 0x7f);
    const std::string_view character = shown ? text.substr(0, bytes) : bytes == 1 ? " " : "?";
    if (out.size() + character.size() > kNoteBytesMax) break;
    out += character;
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return out;
}

}  // namespace taskscope::viewer
