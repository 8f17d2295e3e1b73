// ts::yield, ts::checkpoint and ts::sleep: giving way, and waiting for time to pass.
//
//   ts::sleep(std::chrono::milliseconds(20));
//   for (int& pixel : picture) { render(pixel); ts::checkpoint(); }
//   while (!ready) ts::yield();
#pragma once

#include <chrono>

#include "runtime/base/site.h"
#include "runtime/sched/park.h"

namespace taskscope {

// Lets the other runnable tasks of this worker go first. Returns at once if there are none.
inline void yield() { sched::yield(); }

// For loops that compute for long without waiting: gives way when that is asked of the task,
// because it has run for 10 ms while others wait, or because its worker is to stop. Costs a
// nanosecond else.
inline void checkpoint() { sched::checkpoint(); }

// The calling task waits for at least `duration`; its worker runs others meanwhile.
template <class Rep, class Period>
void sleep(std::chrono::duration<Rep, Period> duration, Site site = Site::here()) {
  sched::sleep_for(std::chrono::ceil<std::chrono::nanoseconds>(duration).count(), site);
}

}  // namespace taskscope
