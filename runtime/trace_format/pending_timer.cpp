#include "runtime/trace_format/pending_timer.h"

#include "runtime/trace_format/text_fields.h"

namespace taskscope::trace_format {

std::string format_pending_timer(const PendingTimer& timer) {
  std::string text(to_text(timer.kind));
  for (const std::uint64_t number :
       {timer.due_in_ns, timer.period_ns, std::uint64_t{timer.site}, timer.task}) {
    text += '\t' + std::to_string(number);
  }
  return text;
}

std::optional<PendingTimer> parse_pending_timer(std::string_view text) {
  PendingTimer timer;
  const auto kind = parse_timer_kind(take_field(text));
  constexpr std::uint64_t kTimeMax = std::uint64_t{1} << 62;
  if (!kind || !take_number(text, kTimeMax, timer.due_in_ns) ||
      !take_number(text, kTimeMax, timer.period_ns) || !take_number(text, kSiteMax, timer.site) ||
      !take_number(text, kIdMask, timer.task) || !text.empty()) {
    return std::nullopt;
  }
  timer.kind = *kind;
  return timer;
}

}  // namespace taskscope::trace_format
