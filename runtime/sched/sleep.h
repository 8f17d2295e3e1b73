// ts::yield and ts::sleep: giving way, and waiting for time to pass.
#pragma once

#include <chrono>

#include "runtime/base/site.h"
#include "runtime/sched/park.h"

namespace taskscope {

// Lets the other runnable tasks of this worker go first. Returns at once if there are none.
inline void yield() { sched::yield(); }

// The calling task waits for at least `duration`; its worker runs others meanwhile.
template <class Rep, class Period>
void sleep(std::chrono::duration<Rep, Period> duration, Site site = Site::here()) {
  sched::sleep_for(std::chrono::ceil<std::chrono::nanoseconds>(duration).count(), site);
}

}  // namespace taskscope
