// What a window shows of a recording that is under way. Plain data.
#pragma once

#include <cstdint>
#include <string>

namespace taskscope::viewer {

enum class LiveStage : std::uint8_t {
  Connecting,  // nothing was heard of the program yet
  Recording,
  Finishing,  // the program is left, or has ended; the file is being completed
  Ended,
};

struct LiveInfo {
  LiveStage stage = LiveStage::Connecting;
  std::string program;  // as it was asked for
  double events_per_s = 0;
  std::uint64_t lost_events = 0;
  std::int64_t behind_ns = 0;  // how much older than the newest event the picture is
};

}  // namespace taskscope::viewer
