// The text form of a trace: what tests, goldens and bug reports are written in.
//
// One event a line: RING TICKS NAME then key=value arguments in the order of events.def, a quoted
// text last. RING is `w0`, `w1`, … for workers and `ext` for other threads. `#` starts a comment.
//
//   w0 100 spawn task=2 site=1
//   w0 140 block object=7 reason="chan recv" site=3
//   w1 150 site site=3 "12\tmain.cpp\tmain"
//
// Pure functions, usable from any thread. Parsing is strict; an error names the line.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/result.h"
#include "runtime/trace_format/event.h"

namespace taskscope::trace_format {

struct TextEvent {
  WorkerId ring = 0;  // kNoWorker for `ext`
  Event event;
  std::string text;  // of events whose aux is Bytes

  friend bool operator==(const TextEvent&, const TextEvent&) = default;
};

Result<std::vector<TextEvent>> parse_text(std::string_view trace);
std::string format_text(const TextEvent& event);  // without the line's end

}  // namespace taskscope::trace_format
