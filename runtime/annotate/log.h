// ts::log: a line in the trace, at its time and by its task.
//
//   ts::log("cache miss");
//   ts::log("cache", "miss: " + key);  // with a category to find and filter by
#pragma once

#include <string_view>

namespace taskscope {

// Goes into the trace and nowhere else, and only while the run is recorded; what a message says
// beyond 4,096 bytes is cut off. Does not wait. Any thread. Where the text is costly to make, ask
// ts::is_recorded() first.
void log(std::string_view message);
// The same in a category; of these there are few, as of names of regions.
void log(std::string_view category, std::string_view message);

}  // namespace taskscope
