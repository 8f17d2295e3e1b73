#include "viewer/model/format.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace taskscope::viewer {
namespace {

constexpr std::int64_t kMicro = 1'000;
constexpr std::int64_t kMilli = 1'000'000;
constexpr std::int64_t kSecond = 1'000'000'000;

struct Unit {
  std::int64_t ns;
  std::string_view text;
};
constexpr std::array<Unit, 4> kUnits = {Unit{kSecond, "s"}, Unit{kMilli, "ms"}, Unit{kMicro, "µs"},
                                        Unit{1, "ns"}};

// With as many decimals as it takes to tell neighbours `step_ns` apart.
std::string in_unit(std::int64_t ns, const Unit& unit, std::int64_t step_ns) {
  int decimals = 0;
  for (std::int64_t resolution = unit.ns; resolution > step_ns && resolution > 1;
       resolution /= 10) {
    ++decimals;
  }
  return fmt::format("{:.{}f} {}", static_cast<double>(ns) / static_cast<double>(unit.ns), decimals,
                     unit.text);
}

// Takes "<…>", "(…)", " const" behind a function and namespaces without a name out of a C++ name;
// leaves operators alone.
std::string without_arguments(std::string_view name) {
  constexpr std::string_view kAnonymous = "(anonymous namespace)::";
  constexpr std::string_view kCall = "operator()";
  constexpr std::string_view kConst = " const";
  std::string out;
  int depth = 0;
  for (std::size_t at = 0; at < name.size(); ++at) {
    const std::string_view rest = name.substr(at);
    const char c = rest.front();
    if (depth == 0 && rest.starts_with(kAnonymous)) {
      at += kAnonymous.size() - 1;
      continue;
    }
    if (depth == 0 && rest.starts_with(kCall)) {
      out += kCall;
      at += kCall.size() - 1;
      continue;
    }
    const std::string_view behind = rest.substr(std::min(kConst.size(), rest.size()));
    const bool ends = behind.empty() || behind.starts_with("::");
    if (depth == 0 && rest.starts_with(kConst) && ends) {
      at += kConst.size() - 1;
      continue;
    }
    if (c == '<' || c == '(') ++depth;
    if (depth == 0) out += c;
    if ((c == '>' || c == ')') && depth > 0) --depth;
  }
  return depth == 0 && !out.empty() ? out : std::string(name);
}

// The last `parts` components of a `::` name.
std::string_view last_parts(std::string_view name, int parts) {
  std::size_t from = name.size();
  for (int part = 0; part < parts; ++part) {
    const std::size_t colon = from >= 2 ? name.rfind("::", from - 1) : std::string_view::npos;
    if (colon == std::string_view::npos || colon == 0) return name;
    from = colon;
  }
  return name.substr(from + 2);
}

// A prefix of `bytes` at most that does not cut a UTF-8 character.
std::string_view utf8_prefix(std::string_view text, std::size_t bytes) {
  bytes = std::min(bytes, text.size());
  while (bytes > 0 && bytes < text.size() &&
         (static_cast<unsigned char>(text[bytes]) & 0xc0) == 0x80) {
    --bytes;
  }
  return text.substr(0, bytes);
}

}  // namespace

std::string format_instant(std::int64_t ns, std::int64_t step_ns, std::int64_t precision_ns) {
  const std::int64_t step = std::max<std::int64_t>(step_ns, 1);
  // The largest unit of which the step is a tenth at least; a larger one where the number would
  // have more than five digits in front.
  std::size_t unit = kUnits.size() - 1;
  for (std::size_t at = 0; at < kUnits.size(); ++at) {
    const bool too_long = at + 1 < kUnits.size() && std::abs(ns) / kUnits[at + 1].ns >= 100'000;
    if (step * 10 >= kUnits[at].ns || too_long) {
      unit = at;
      break;
    }
  }
  return in_unit(ns, kUnits[unit], precision_ns > 0 ? precision_ns : step);
}

std::string format_range(TimeRange range) {
  const std::int64_t step = std::max<std::int64_t>(range.length_ns() / 1000, 1);
  const std::int64_t size = std::max(std::abs(range.start_ns), std::abs(range.end_ns));
  const Unit* unit = &kUnits.back();
  for (const Unit& candidate : kUnits) {
    if (size >= candidate.ns) {
      unit = &candidate;
      break;
    }
  }
  const std::string start = in_unit(range.start_ns, *unit, step);
  return fmt::format("{} – {}", start.substr(0, start.rfind(' ')),
                     in_unit(range.end_ns, *unit, step));
}

std::string format_share(double share) {
  const double percent = share * 100;
  if (!(percent > 0)) return "0 %";
  if (percent < 0.1) return "<0.1 %";
  if (percent < 9.95) return fmt::format("{:.1f} %", percent);
  return fmt::format("{:.0f} %", percent);
}

std::vector<std::string> shortened_names(std::string_view name) {
  std::vector<std::string> names{std::string(name)};
  const std::string bare = without_arguments(name);
  for (const std::string_view candidate :
       {std::string_view(bare), last_parts(bare, 2), last_parts(bare, 1)}) {
    if (!candidate.empty() && candidate.size() < names.back().size()) names.emplace_back(candidate);
  }
  return names;
}

std::string plain_name(std::string_view name) {
  std::string plain = without_arguments(name);
  // Names of templates have what they return in front.
  plain.resize(std::min(plain.find(" ["), plain.size()));
  const std::size_t space = plain.rfind(' ', plain.find("operator"));
  if (space != std::string::npos && space + 1 < plain.size()) plain.erase(0, space + 1);
  return plain;
}

std::string fit_label(std::string_view name, float room_px,
                      const std::function<float(std::string_view)>& width_px) {
  if (width_px(name) <= room_px) return std::string(name);
  const std::vector<std::string> names = shortened_names(name);
  for (const std::string& candidate : names) {
    if (width_px(candidate) <= room_px) return candidate;
  }
  const std::string& shortest = names.back();
  std::size_t low = 0;
  std::size_t high = shortest.size();
  while (low < high) {
    const std::size_t middle = (low + high + 1) / 2;
    const std::string cropped = std::string(utf8_prefix(shortest, middle)) + "…";
    if (width_px(cropped) <= room_px) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  const std::string_view prefix = utf8_prefix(shortest, low);
  return prefix.empty() ? std::string() : std::string(prefix) + "…";
}

std::string format_site(std::string_view file, std::uint32_t line) {
  if (file.empty()) return "unknown place";
  const std::size_t slash = file.rfind('/');
  return fmt::format("{}:{}", slash == std::string_view::npos ? file : file.substr(slash + 1),
                     line);
}

}  // namespace taskscope::viewer
