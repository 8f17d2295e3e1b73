// What collected memory says of itself in the trace: collections and their phases, figures of the
// heap as counters, what became of the objects of each site.
//
// Called by any thread, but not while tasks are held: one of them may hold a lock of the tracer's.
// So phases are told of when they are over, with their times. Costs a load where nobody records.
#pragma once

#include <cstdint>

#include "runtime/sched/recorded.h"
#include "runtime/trace_format/gc_text.h"

namespace taskscope::instrument {
class Lane;
}

namespace taskscope::memory {

using trace_format::GcPhase;

// The next collection is one that the program has asked for.
void note_forced();
// `cycle`: its number in this process, from 1 on. Whether it is forced is known from the above.
void tell_cycle_begins(std::uint64_t cycle, std::uint64_t heap_bytes, std::uint64_t goal_bytes);
// Times are base::monotonic_ns(). Phases of one collection may overlap, and any thread may tell.
struct PhaseTimes {
  std::uint64_t begin_ns = 0;
  std::uint64_t end_ns = 0;
};
void tell_phase(std::uint64_t cycle, GcPhase phase, PhaseTimes times);
void tell_cycle_ends(std::uint64_t cycle, const trace_format::GcEndText& figures);

// The figures of the heap, at most once a millisecond. Wherever threads take memory for more than
// one object, and not in a BusySection.
void tell_heap_slowly();
inline void tell_heap_now_and_then() {
  if (is_recorded()) [[unlikely]]
    tell_heap_slowly();
}

// All sites, with what became of their objects so far.
void tell_sites(instrument::Lane& lane);

}  // namespace taskscope::memory
