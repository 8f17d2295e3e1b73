// What the kernel says of a thread of this process: whether it has had a processor.
#pragma once

#include <cstdint>
#include <optional>

namespace taskscope::base {

struct ThreadTime {
  bool runnable = false;       // it runs, or waits for a processor, at this moment
  std::int64_t ran_ns = 0;     // on a processor, since it began
  std::int64_t waited_ns = 0;  // for one, without the wait that it is in
};

// Of the thread with the kernel's id `os_id`. Nothing if it has ended, or if the kernel does not
// say (Linux does, in /proc/self/task/ID/stat and schedstat).
std::optional<ThreadTime> thread_time(int os_id);

}  // namespace taskscope::base
