// Cells of weak handles: where each finds its object, until the collector finds that nothing else
// does.
//
// A cell is counted by the handles that share it, and lives in memory of malloc's. All by any
// thread; clear_dead_weaks() by the collector while no task runs.
#pragma once

#include <atomic>
#include <cstdint>

namespace taskscope::memory {

struct WeakCell {
  // Atomic: the object, null when it is gone. Written by the collector alone.
  std::atomic<void*> object{nullptr};
  // Atomic: how many handles share it.
  std::atomic<std::uint32_t> handles{1};
  // Guarded by the table's lock.
  WeakCell* next = nullptr;
  WeakCell* previous = nullptr;
};

WeakCell* make_weak_cell(void* object);
void drop_weak_cell(WeakCell* cell);

// Forgets objects that are not marked in this bitmap.
void clear_dead_weaks(std::uint32_t marks);

}  // namespace taskscope::memory
