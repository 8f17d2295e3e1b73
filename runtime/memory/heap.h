// Heap: slots of small objects, large objects and blocks of arenas, over the page heap.
//
// In line is only what takes a slot of a run that the thread has; all else is behind a call. As in
// TCMalloc and Go: the thread's run, then the central list of partly free spans of one size, then
// the page heap. Objects never move.
//
// Any thread that runs a task; what is below "The collector's" is the collector's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "runtime/base/lock.h"
#include "runtime/memory/local.h"

namespace taskscope::memory {

// The slow ways. `bytes` is with the header. They may collect before they allocate.
void* allocate_from_list(std::size_t list, std::uint64_t header);
void* allocate_large(std::size_t bytes, Contents contents, std::uint64_t header);

// Either of them.
void* allocate_any(std::size_t bytes, Contents contents, std::uint64_t header);

// Takes the slot at `slot`: header first, then fields that refer to nothing, then `cursor`.
template <std::size_t kBytes, Contents kWhat>
inline void* fill_slot(char* slot, char*& cursor, std::uint64_t header) {
  std::memcpy(slot, &header, sizeof header);
  void* const object = slot + kHeaderBytes;
  if constexpr (kWhat != Contents::Plain) std::memset(object, 0, kBytes - kHeaderBytes);
  asm volatile("" : : "r"(object) : "memory");
  *const_cast<char* volatile*>(&cursor) = slot + kBytes;
  return object;
}

// `kBytes` with the header.
template <std::size_t kBytes, Contents kWhat>
inline void* allocate(std::uint64_t header, std::uint32_t site) {
  if constexpr (kBytes > kSmallBytesMax) {
    void* const object = allocate_large(kBytes, kWhat, header);
    ++quick_local()->site_counts[2 * site];
    return object;
  } else {
    constexpr std::size_t kList = list_of(kBytes, kWhat);
    constexpr std::size_t kSlot = slot_bytes_of(kList);
    Local* local = quick_local();
    Run& run = local->runs[kList];
    char* const slot = run.cursor;
    if (static_cast<std::size_t>(run.end - slot) < kSlot) [[unlikely]] {
      void* const object = allocate_from_list(kList, header);
      ++quick_local()->site_counts[2 * site];
      return object;
    }
    ++local->site_counts[2 * site];
    return fill_slot<kSlot, kWhat>(slot, run.cursor, header);
  }
}

// An empty block for an arena.
std::uint32_t take_block(Local& local);
void give_block_back(Local& local, std::uint32_t block);

// The spans of one list that have free slots.
struct CentralList {
  base::Lock lock;
  std::uint32_t first TASKSCOPE_GUARDED_BY(lock) = 0;
};

struct HeapCounters {
  // Atomic: relaxed. Bytes handed out as runs, blocks and large objects since the last collection,
  // less those of blocks that came back; and before it.
  std::atomic<std::int64_t> since{0};
  std::atomic<std::int64_t> before{0};
  std::atomic<std::int64_t> goal{std::int64_t{4} << 20};     // of `since`
  std::atomic<std::int64_t> trigger{std::int64_t{4} << 20};  // of `since`: to be done by the goal
  std::atomic<std::uint64_t> live{0};                        // marked by the last collection
  std::atomic<std::uint64_t> live_objects{0};
  std::atomic<std::uint64_t> blocks_adopted{0};
  std::atomic<std::uint64_t> blocks_recycled{0};
  std::atomic<std::uint32_t> destroyed_spans{0};  // that hold, or held, objects with destructors
};
extern HeapCounters g_heap;
extern CentralList g_central[kLists];

// Calls visit(object) for all objects of a span whose constructors have returned.
template <class Visit>
void each_built_object(std::uint32_t index, Visit visit) {
  const Span& span = g_space.spans[index];
  char* const start = g_space.start_of(index);
  if (span.kind == SpanKind::Large) {
    void* const object = start + kGranuleBytes;
    if (header_of(object).built()) visit(object);
    return;
  }
  for (std::uint32_t slot = 0; slot < span.slots; ++slot) {
    void* const object = start + kFirstSlot + std::size_t{slot} * span.slot_bytes + kHeaderBytes;
    if (header_of(object).built()) visit(object);
  }
}

// ---- The collector's ----------------------------------------------------------------------------

// While no task runs: marks the slots that threads are about to use.
void mark_runs(std::uint32_t marks);
// While no task runs, when marks begin to hold: lists are empty from now on, and threads keep only
// the runs that they have.
struct Kept {
  std::uint64_t objects = 0;  // that are not yet made, in slots of those runs
  std::uint64_t bytes = 0;
};
Kept empty_lists();

// Beside tasks, behind that: gives back what is not marked, span by span.
class Sweep {
 public:
  Sweep();
  // A span in which destructors are due goes to `dead` (its first one, linked by Span::next).
  void run(std::uint32_t& dead);

  std::uint64_t live_bytes = 0;
  std::uint64_t live_objects = 0;

 private:
  void small(std::uint32_t index, std::uint32_t& dead);
  void large(std::uint32_t index, std::uint32_t& dead);
  void arena(std::uint32_t index);
  void adopted(std::uint32_t index);

  const std::uint32_t end_;    // of the spans that were there then
  const std::uint32_t phase_;  // what was taken in this one is swept
};
// Behind the destructors: a span of that chain.
void put_back_swept(std::uint32_t span);

}  // namespace taskscope::memory
