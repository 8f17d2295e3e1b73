// The text of an `alive` event: what a task that is older than the recording was doing when the
// recording began. FORMAT.md has its form. Plain values, usable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/trace_format/event.h"

namespace taskscope::trace_format {

enum class AliveState : std::uint8_t { Runnable, Running, Blocked, Syscall };

struct AliveText {
  AliveState state = AliveState::Runnable;
  std::uint32_t seq = 0;     // of its last run or ready
  std::uint64_t age_ns = 0;  // how long it had been blocked when this was written; 0: not known
  SiteId spawn_site = 0;
  TaskId parent = 0;
  // Of a blocked task.
  BlockReason reason = BlockReason::None;
  SiteId wait_site = 0;
  ObjectId object = 0;

  friend bool operator==(const AliveText&, const AliveText&) = default;
};

std::string format_alive(const AliveText& alive);
std::optional<AliveText> parse_alive(std::string_view text);

}  // namespace taskscope::trace_format
