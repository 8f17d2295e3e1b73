#include "viewer/model/time_text.h"

namespace taskscope::viewer {

std::string exact_range_text(TimeRange range) {
  return exact_time_text(range.start_ns) + ".." + exact_time_text(range.end_ns);
}

std::optional<TimeRange> parse_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  if (dots == std::string_view::npos) return std::nullopt;
  const auto start = parse_time(text.substr(0, dots));
  const auto end = parse_time(text.substr(dots + 2));
  std::int64_t length = 0;
  if (!start || !end || *start >= *end || __builtin_sub_overflow(*end, *start, &length)) {
    return std::nullopt;
  }
  return TimeRange{*start, *end};
}

}  // namespace taskscope::viewer
