// The collector: finds what tasks can still reach, and gives the rest back.
//
// For now it stops the world: all threads of the run are held inside of a signal's handler
// (sched/halt.h), wherever they are. Tasks' stacks, their registers and closures are looked at word
// by word, and so is what may be handles elsewhere (roots.h); objects by their types. Then marks
// become what is allocated, and the tasks go on; destructors of what has died run behind that, on
// the thread of the task that has collected.
//
// A task that is stopped anywhere may be about to change a container. So the insides of containers
// are looked at only if every task is where it is not: in its own allocation, or parked. For that
// the collector asks, and waits a moment. If some task does not come there, the handles in
// containers keep alive what they refer to this time, whoever owns them.
//
// One collection at a time, by the task that needs memory or calls ts::gc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/memory/heap.h"
#include "runtime/memory/settings.h"

namespace taskscope::memory {

// Atomic: 1 while a collection is asked for or runs; a futex.
extern std::atomic<std::uint32_t> g_collecting;

// Waits for a collection by somebody else.
void wait_for_collection(Local& local);
void wait_for_collector(Local& local);
// Unless somebody does already: then it waits until tasks may go on.
void collect(Local& local);

// Before whatever takes memory for more than one object.
inline void collect_if_due(Local& local) {
  // Relaxed: soon enough.
  if (g_collecting.load(std::memory_order_relaxed) != 0) [[unlikely]]
    wait_for_collection(local);
  if (g_heap.since.load(std::memory_order_relaxed) >= g_heap.goal.load(std::memory_order_relaxed))
      [[unlikely]] {
    if (settings().percent >= 0) collect(local);
  }
}

// What the last collection, and all of them, have cost. Guarded by the collector's own order: one
// at a time; read by any thread.
struct CollectionFigures {
  std::atomic<std::uint64_t> count{0};
  std::atomic<std::uint64_t> exact{0};     // that could look into containers
  std::atomic<std::uint64_t> pause_ns{0};  // of the last
  std::atomic<std::uint64_t> pause_ns_max{0};
  std::atomic<std::uint64_t> pause_ns_sum{0};
  std::atomic<std::uint64_t> destroyed{0};  // objects whose destructors ran
  std::atomic<std::uint64_t> hidden{0};     // handles found by verify mode that nobody knew
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
  std::uint64_t goal_bytes = 0;       // to be allocated until the next collection
  std::uint64_t heap_bytes = 0;       // spans in use
  std::uint64_t idle_bytes = 0;       // free spans that have memory
  std::uint64_t returned_bytes = 0;   // given back to the kernel, ever
  std::uint64_t refills = 0;          // runs that threads have taken from the lists
  std::uint64_t roots = 0;            // handles outside of the heap and of stacks
  std::uint64_t collections = 0;
  std::uint64_t exact_collections = 0;
  std::uint64_t pause_ns = 0;  // of the last collection
  std::uint64_t pause_ns_max = 0;
  std::uint64_t pause_ns_total = 0;
  std::uint64_t destroyed = 0;        // objects whose destructors ran
  std::uint64_t blocks_recycled = 0;  // of scopes, as they ended
  std::uint64_t blocks_adopted = 0;   // of scopes, by the heap
  std::uint64_t hidden_handles = 0;   // found by TASKSCOPE_GC=verify
};
// Any thread.
MemStats mem_stats();

}  // namespace taskscope
