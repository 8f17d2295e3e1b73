// ts::snapshot_trace: asks a flight recorder to keep what it has.
//
//   if (latency > 2s) ts::snapshot_trace("a request took more than two seconds");
#pragma once

#include <string_view>

namespace taskscope {

// A recorder started with `--until` completes its file, `why` with it, and leaves the program
// alone; any other recorder notes the call as an event of the trace. Does not wait, and is not
// heard twice. Any thread. False if no recorder is there, or no ts::run is active.
bool snapshot_trace(std::string_view why);

}  // namespace taskscope
