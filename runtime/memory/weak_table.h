// Cells of weak handles: where each finds its object, until the collector finds that nothing else
// does.
//
// A cell is counted by the handles that share it, and lives in memory of malloc's. All by any
// thread; end_dead_weaks() by the collector, beside tasks: what it is about to end is null for them
// already.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/memory/barrier.h"

namespace taskscope::memory {

struct WeakCell {
  // Atomic: the object, null when it is gone. Written by the collector alone.
  std::atomic<void*> object{nullptr};
  // Atomic: how many handles share it.
  std::atomic<std::uint32_t> handles{1};
  // Constant after construction: the phase of the collector in which it was made.
  std::uint32_t phase = 0;
  // Guarded by the table's lock.
  WeakCell* next = nullptr;
  WeakCell* previous = nullptr;
};

WeakCell* make_weak_cell(void* object);
void drop_weak_cell(WeakCell* cell);

// While the collector marks, or ends weak handles.
void* lock_weak_cell_slowly(WeakCell& cell);
inline void* lock_weak_cell(WeakCell& cell) {
  void* const object = cell.object.load(std::memory_order_relaxed);
  // First the look at the object: who is held in between has it in a register.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if ((watched() & (kMarking | kWeaksEnd)) != 0) [[unlikely]]
    return lock_weak_cell_slowly(cell);
  return object;
}

bool any_weak_cells();
// Forgets objects that the last marking has not reached, in cells from before its end.
void end_dead_weaks();

}  // namespace taskscope::memory
