#include "runtime/sched/trace_signal.h"

#include "runtime/sched/annotation.h"

namespace taskscope::sched {

void trace_signal(int number) {
  if (!is_recorded()) return;
  annotate<Speaker::Anybody>(
      [](instrument::Lane&) { return 0; },
      [number](instrument::Lane& lane, const Task*, int) { lane.signal(number); });
}

}  // namespace taskscope::sched
