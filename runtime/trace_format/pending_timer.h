// The text of a `timer` event: a timer that is older than the recording and has not fired yet.
// FORMAT.md has its form. Plain values, usable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/trace_format/event.h"

namespace taskscope::trace_format {

struct PendingTimer {
  TimerKind kind = TimerKind::Unknown;
  std::uint64_t due_in_ns = 0;  // from the event on; 0: it is overdue
  std::uint64_t period_ns = 0;  // 0: fires once
  SiteId site = 0;              // where it was made
  TaskId task = 0;              // that waits for it; 0: it is nobody's wait

  friend bool operator==(const PendingTimer&, const PendingTimer&) = default;
};

std::string format_pending_timer(const PendingTimer& timer);
std::optional<PendingTimer> parse_pending_timer(std::string_view text);

}  // namespace taskscope::trace_format
