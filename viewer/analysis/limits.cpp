#include "viewer/analysis/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "viewer/analysis/duration_text.h"
#include "viewer/analysis/time_text.h"

namespace taskscope::analysis {
namespace {

constexpr std::array kSpecs = {
#define TASKSCOPE_LIMIT(name, unit, value, text) \
  LimitSpec{#name, LimitUnit::unit, &FindingLimits::name, text},
    TASKSCOPE_LIMITS(TASKSCOPE_LIMIT)
#undef TASKSCOPE_LIMIT
};

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// A number, with what may stand behind it: "10,000/s".
std::optional<std::int64_t> parse_number(std::string_view text, std::string_view suffix) {
  if (text.size() > suffix.size() && text.substr(text.size() - suffix.size()) == suffix) {
    text = trim(text.substr(0, text.size() - suffix.size()));
  }
  std::string digits(text);
  digits.erase(std::remove(digits.begin(), digits.end(), ','), digits.end());
  std::int64_t value = 0;
  const char* const last = digits.data() + digits.size();
  const auto [end, error] = std::from_chars(digits.data(), last, value);
  if (error != std::errc() || end != last) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parse_value(LimitUnit unit, std::string_view text) {
  switch (unit) {
    case LimitUnit::Time:
      return parse_time(text);
    case LimitUnit::Count:
      return parse_number(text, "");
    case LimitUnit::Rate:
      return parse_number(text, "/s");
    case LimitUnit::Percent:
      return parse_number(text, "%");
  }
  return std::nullopt;
}

std::string_view example(LimitUnit unit) {
  switch (unit) {
    case LimitUnit::Time:
      return "a time such as 20ms";
    case LimitUnit::Count:
      return "a number such as 100";
    case LimitUnit::Rate:
      return "a number per second such as 10000";
    case LimitUnit::Percent:
      return "percent such as 5";
  }
  return {};
}

}  // namespace

std::span<const LimitSpec> limit_specs() { return kSpecs; }

std::string limit_text(const LimitSpec& spec, const FindingLimits& limits) {
  const std::int64_t value = limits.*spec.field;
  switch (spec.unit) {
    case LimitUnit::Time:
      return exact_time_text(value);
    case LimitUnit::Count:
      return count_text(static_cast<std::uint64_t>(value));
    case LimitUnit::Rate:
      return count_text(static_cast<std::uint64_t>(value)) + "/s";
    case LimitUnit::Percent:
      return fmt::format("{} %", value);
  }
  return {};
}

Result<void> set_limit(FindingLimits& limits, std::string_view assignment) {
  const std::size_t equals = assignment.find('=');
  const std::string_view name = trim(assignment.substr(0, equals));
  const auto spec = std::find_if(kSpecs.begin(), kSpecs.end(),
                                 [&](const LimitSpec& one) { return one.name == name; });
  if (spec == kSpecs.end()) {
    return Error{
        fmt::format("There is no limit '{}'; `taskscope report --limits` lists them.", name)};
  }
  const auto value = equals == std::string_view::npos
                         ? std::nullopt
                         : parse_value(spec->unit, trim(assignment.substr(equals + 1)));
  if (!value || *value < 1) {
    return Error{
        fmt::format("The limit {} takes {}, as in {}={}, not '{}'.", name, example(spec->unit),
                    name, limit_text(*spec, {}),
                    equals == std::string_view::npos ? "" : assignment.substr(equals + 1))};
  }
  limits.*spec->field = *value;
  return {};
}

Result<void> set_limits(FindingLimits& limits, std::string_view lines, const std::string& path) {
  for (std::size_t number = 1; !lines.empty(); ++number) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view line = trim(lines.substr(0, end));
    lines.remove_prefix(std::min(end + 1, lines.size()));
    if (line.empty() || line.front() == '#') continue;
    if (auto set = set_limit(limits, line); !set) {
      return Error{fmt::format("{}, line {}: {}", path, number, set.error().message)};
    }
  }
  return {};
}

}  // namespace taskscope::analysis
