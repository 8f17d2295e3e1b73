// The collector: finds what tasks can still reach, and gives the rest back.
//
// A thread of its own, from the first collection of a run to the run's end, which sleeps until a
// task has allocated so much that it is due, or calls ts::gc. It works beside the tasks and holds
// them twice, for a moment, by signals (cycle.h). Tasks' stacks, their registers and closures are
// looked at word by word, and so is what may be handles elsewhere (roots.h); objects by their
// types. Destructors run on the threads of tasks that allocate, or wait for ts::gc.
//
// A task that is held anywhere may be about to change a container. So the insides of containers are
// looked at only if every task is where it is not: in its own allocation, or parked. For that the
// collector asks, and waits a moment, if there are collected objects with containers at all. If
// some task does not come there, the handles in containers keep alive what they refer to this time,
// whoever owns them.
//
//   g_collector   from      → to        by
//                 kIdle     → kCalled   a task: it writes what for
//                 kCalled   → kAsked    the same task, which wakes the collector
//                 kAsked    → kIdle     the collector, when all is done but destructors
//
// Nobody calls it before the destructors that the last collection has left are through.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/memory/heap.h"
#include "runtime/memory/settings.h"

namespace taskscope::memory {

// Atomic: 1 while tasks are asked to wait where they change no container; a futex.
extern std::atomic<std::uint32_t> g_collecting;
// Atomic: the first span of those in which destructors are due, 0: none. Written under a lock.
extern std::atomic<std::uint32_t> g_dead;

// Does what that says.
void wait_for_collection();
// Runs destructors in one span.
void destroy_some();
// Has a collection begun, and waits if too much has been allocated since the last.
void collect_soon();
// No run is active any more, and nobody allocates.
void end_collector();

// Before whatever takes memory for more than one object. Destructors may run, so the task may be on
// another thread behind it.
inline void collect_if_due() {
  // Relaxed: soon enough.
  if (g_collecting.load(std::memory_order_relaxed) != 0) [[unlikely]]
    wait_for_collection();
  if (g_dead.load(std::memory_order_relaxed) != 0) [[unlikely]]
    destroy_some();
  if (g_heap.since.load(std::memory_order_relaxed) >=
      g_heap.trigger.load(std::memory_order_relaxed)) [[unlikely]] {
    if (settings().percent >= 0) collect_soon();
  }
}

// What the last collection, and all of them, have cost. Written by the collector; read by any
// thread.
struct CollectionFigures {
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> exact{0};     // that could look into containers
  std::atomic<std::uint64_t> pauses{0};    // how often tasks were held
  std::atomic<std::uint64_t> pause_ns{0};  // of the last: the longest
  std::atomic<std::uint64_t> pause_ns_max{0};
  std::atomic<std::uint64_t> pause_ns_sum{0};
  std::atomic<std::uint64_t> mark_ns{0};    // of the last
  std::atomic<std::uint64_t> destroyed{0};  // objects whose destructors ran
  std::atomic<std::uint64_t> hidden{0};     // handles found by verify mode that nobody knew
  std::atomic<std::uint64_t> missed{0};     // objects found by recheck mode that were not marked
};
extern CollectionFigures g_collections;

}  // namespace taskscope::memory

namespace taskscope {

// Collects now; returns when what was not reached has been given back. REQUIRES: a task calls.
void gc();

// What the heap holds, and what it has cost.
//
//   ts::gc();
//   ts::MemStats stats = ts::mem_stats();
//   log(std::to_string(stats.live_bytes) + " bytes live");
struct MemStats {
  std::uint64_t live_bytes = 0;  // marked by the last collection
  std::uint64_t live_objects = 0;
  std::uint64_t allocated_bytes = 0;  // handed out to threads and scopes, ever
  std::uint64_t goal_bytes = 0;       // to be allocated until the next collection is over
  std::uint64_t heap_bytes = 0;       // spans in use
  std::uint64_t idle_bytes = 0;       // free spans that have memory
  std::uint64_t returned_bytes = 0;   // given back to the kernel, ever
  std::uint64_t refills = 0;          // runs that threads have taken from the lists
  std::uint64_t roots = 0;            // handles outside of the heap and of stacks
  std::uint64_t collections = 0;
  std::uint64_t exact_collections = 0;
  std::uint64_t pauses = 0;    // how often all tasks were held
  std::uint64_t pause_ns = 0;  // the longest of the last collection
  std::uint64_t pause_ns_max = 0;
  std::uint64_t pause_ns_total = 0;
  std::uint64_t mark_ns = 0;          // of the last collection, beside the tasks
  std::uint64_t destroyed = 0;        // objects whose destructors ran
  std::uint64_t blocks_recycled = 0;  // of scopes, as they ended
  std::uint64_t blocks_adopted = 0;   // of scopes, by the heap
  std::uint64_t hidden_handles = 0;   // found by TASKSCOPE_GC=verify
  std::uint64_t missed_objects = 0;   // found by TASKSCOPE_GC=recheck
};
// Any thread.
MemStats mem_stats();

}  // namespace taskscope
