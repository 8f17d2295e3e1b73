#include "viewer/analysis/time_text.h"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <utility>

namespace taskscope::analysis {
namespace {

__extension__ using Wide = __int128;  // of a text's digits before they are known to fit

constexpr std::array<std::pair<std::string_view, std::uint64_t>, 4> kUnits = {
    {{"s", 1'000'000'000}, {"ms", 1'000'000}, {"us", 1'000}, {"ns", 1}}};

std::uint64_t unit_ns(std::string_view unit) {
  if (unit.empty()) return 1;
  if (unit == "µs") return 1'000;
  if (unit == "min") return 60'000'000'000;
  for (const auto& [name, ns] : kUnits) {
    if (unit == name) return ns;
  }
  return 0;
}

// Takes digits from the front; -1 if there are more than any time has.
Wide take_digits(std::string_view& text, std::uint64_t& scale) {
  Wide value = 0;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    if (scale >= 1'000'000'000'000'000'000U) return -1;
    value = value * 10 + (text.front() - '0');
    scale *= 10;
    text.remove_prefix(1);
  }
  return value;
}

}  // namespace

std::string exact_time_text(std::int64_t ns) {
  const auto bits = static_cast<std::uint64_t>(ns);
  const std::uint64_t size = ns < 0 ? 0 - bits : bits;
  for (const auto& [unit, unit_size] : kUnits) {
    if (size < unit_size && unit_size > 1) continue;
    std::string fraction;
    if (const std::uint64_t rest = size % unit_size; rest > 0) {
      fraction = fmt::format(".{}", unit_size + rest);  // a 1 and all digits behind the point
      fraction.erase(1, 1);
      fraction.erase(fraction.find_last_not_of('0') + 1);
    }
    return fmt::format("{}{}{}{}", ns < 0 ? "-" : "", size / unit_size, fraction, unit);
  }
  return "0ns";
}

std::optional<std::int64_t> parse_time(std::string_view text) {
  const bool negative = text.substr(0, 1) == "-";
  if (negative) text.remove_prefix(1);
  std::uint64_t whole_scale = 1;
  const Wide whole = take_digits(text, whole_scale);
  std::uint64_t scale = 1;
  Wide fraction = 0;
  if (text.substr(0, 1) == ".") {
    text.remove_prefix(1);
    fraction = take_digits(text, scale);
  }
  if (whole < 0 || fraction < 0 || (whole_scale == 1 && scale == 1)) return std::nullopt;
  const std::uint64_t unit = unit_ns(text);
  if (unit == 0) return std::nullopt;
  const Wide size = whole * unit + fraction * unit / scale;
  if (size > std::numeric_limits<std::int64_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(negative ? -size : size);
}

}  // namespace taskscope::analysis
