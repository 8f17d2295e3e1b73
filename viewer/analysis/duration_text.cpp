#include "viewer/analysis/duration_text.h"

#include <fmt/format.h>

#include <cmath>
#include <string_view>

namespace taskscope::analysis {
namespace {

// Three significant digits: 1.23, 12.3, 123.
std::string significant(double value) {
  if (value < 9.995) return fmt::format("{:.2f}", value);
  if (value < 99.95) return fmt::format("{:.1f}", value);
  return fmt::format("{:.0f}", value);
}

}  // namespace

std::string duration_text(std::int64_t ns) {
  if (ns < 0) return "-" + duration_text(ns == INT64_MIN ? INT64_MAX : -ns);
  if (ns == 0) return "0 s";
  if (ns < 1000) return fmt::format("{} ns", ns);
  const double value = static_cast<double>(ns);
  if (value < 999.5e3) return significant(value / 1e3) + " µs";
  if (value < 999.5e6) return significant(value / 1e6) + " ms";
  if (value < 119.95e9) return significant(value / 1e9) + " s";
  const std::int64_t seconds = ns / 1'000'000'000 + (ns % 1'000'000'000 >= 500'000'000 ? 1 : 0);
  if (seconds < 7200) return fmt::format("{} min {} s", seconds / 60, seconds % 60);
  return fmt::format("{} h {} min", seconds / 3600, seconds % 3600 / 60);
}

std::string count_text(std::uint64_t count) {
  std::string digits = fmt::format("{}", count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < 1024) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes);
  for (const std::string_view unit : {"KiB", "MiB", "GiB"}) {
    value /= 1024;
    if (value < 999.5 || unit == "GiB") return fmt::format("{} {}", significant(value), unit);
  }
  return {};
}

}  // namespace taskscope::analysis
