// PageHeap: hands out spans of the reservation, alone or in a row, and gives memory of those that
// stay free back to the kernel.
//
// The lowest free ones first, found in a bitmap, which joins neighbours by itself. Process-wide;
// any thread that is busy (local.h), and the collector.
//
// Invariants:
//   1. A span at or above fresh_ has never been handed out; below, its bit in free_ says whether it
//      is free.
//   2. A free span whose bit in backed_ is clear reads as zeros and costs no memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/lock.h"

namespace taskscope::memory {

struct PageHeapStats {
  std::size_t taken = 0;  // spans in use
  std::size_t free = 0;   // that have memory
  std::size_t given = 0;  // given back to the kernel, ever
};

class PageHeap {
 public:
  // The first of `count` spans in a row. Ends the program when the reservation is used up.
  // `zeroed`: whether they read as zeros.
  std::uint32_t take(std::uint32_t count, bool& zeroed);
  void give_back(std::uint32_t first, std::uint32_t count);
  // Memory of spans that were free the last time already goes to the kernel, but for `keep` spans.
  void scavenge(std::size_t keep);

  PageHeapStats stats();
  // Up to where there are spans. For the collector.
  std::uint32_t fresh() TASKSCOPE_NO_ANALYSIS { return __atomic_load_n(&fresh_, __ATOMIC_ACQUIRE); }

 private:
  void reserve() TASKSCOPE_REQUIRES(lock_);
  std::uint32_t find(std::uint32_t count) TASKSCOPE_REQUIRES(lock_);

  // Guarded by lock_.
  base::Lock lock_;
  std::uint64_t* free_ TASKSCOPE_GUARDED_BY(lock_) = nullptr;
  std::uint64_t* backed_ TASKSCOPE_GUARDED_BY(lock_) = nullptr;
  std::uint64_t* idle_ TASKSCOPE_GUARDED_BY(lock_) = nullptr;  // free at the last scavenge()
  std::uint32_t fresh_ TASKSCOPE_GUARDED_BY(lock_) = 1;        // span 0 is nobody's: 0 is none
  std::uint32_t first_free_ TASKSCOPE_GUARDED_BY(lock_) = 1;   // none below
  std::size_t free_count_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  std::size_t backed_free_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  std::size_t given_ TASKSCOPE_GUARDED_BY(lock_) = 0;
};

// The one of this process.
extern PageHeap g_pages;

}  // namespace taskscope::memory
