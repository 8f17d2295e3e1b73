// ts::is_recorded: whether anybody hears what the program says about itself.
//
//   if (ts::is_recorded()) ts::log("cache", describe(cache));  // that text costs something
#pragma once

#include <atomic>

namespace taskscope::sched {

// Atomic: true while the active run has a recorder, or one is just coming or going. Written by
// Tracing, read relaxed: who comes too early or too late says nothing.
extern std::atomic<bool> run_is_recorded;

}  // namespace taskscope::sched

namespace taskscope {

// One load, the same that regions, logs and counters make. Any thread.
inline bool is_recorded() { return sched::run_is_recorded.load(std::memory_order_relaxed); }

}  // namespace taskscope
