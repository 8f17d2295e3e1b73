// StackPool: the stacks of all tasks of one run, cut from one reservation of address space.
//
// The reservation is a single lazily touched mapping of aligned power-of-two slots. A slot is
// 256 KiB: C++ code that formats, parses or logs wants tens of KiB, untouched pages cost nothing,
// and at this spacing a task with one touched page costs 4.5 KiB with its share of page tables (64
// KiB slots would save 0.4 KiB of that and overflow in real programs). The lowest page of a slot is
// a guard. Stack tops are coloured: with all of them at one offset the hot lines of thousands of
// tasks would compete for the same few cache sets.
//
// Owned by the scheduler of a run. take() and give_back() may be called by any thread; workers do
// so in batches, through StackCache.
//
// Invariants:
//   1. A slot is unused (index >= fresh_), free (in free_), cached by a worker, or in use.
//   2. Stacks in warm_ keep the memory they touched: a page that is given to the kernel and taken
//      again costs 2 to 3 µs, as much as ten tasks. Those that were not needed for a while give it
//      back when age() is called, which is nobody's but the monitor's.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/stack/context.h"
#include "runtime/stack/guard.h"

namespace taskscope::stack {

inline constexpr std::size_t kSlotBytes = std::size_t{256} << 10;
inline constexpr std::size_t kSlotsMax = std::size_t{1} << 21;  // 512 GiB of addresses

// The number of a slot; kNoStack is none.
using StackId = std::uint32_t;
inline constexpr StackId kNoStack = 0xffff'ffff;

class StackPool {
 public:
  // Reserves up to `slots_max` slots, fewer where the machine refuses. Fails a check if even 64 MiB
  // of address space cannot be had.
  explicit StackPool(std::size_t slots_max = kSlotsMax);
  ~StackPool();
  StackPool(const StackPool&) = delete;
  StackPool& operator=(const StackPool&) = delete;

  // Up to `count` stacks, warm ones first; returns how many. Zero: the reservation is used up.
  std::size_t take(StackId* out, std::size_t count);
  // Takes stacks back with their memory.
  void give_back(const StackId* stacks, std::size_t count);

  // How much memory free stacks may keep.
  enum class Keep : std::uint8_t {
    Recent,  // half of what no take() since the last call has reached goes to the kernel
    Little,  // all goes but kWarmMin stacks: nothing runs
  };
  // Gives memory of free stacks to the kernel, in small portions, so that no take() waits long.
  void age(Keep keep);

  // Usable bytes of a stack: above its guard, below its colour.
  Extent extent(StackId stack) const;

  std::size_t slots() const { return slots_; }
  // Stacks handed out and not given back (cached ones included).
  std::size_t taken() const { return taken_.load(std::memory_order_relaxed); }
  // True if `address` lies in the guard page of some slot.
  bool is_guard(const void* address) const;

 private:
  static constexpr std::size_t kWarmMin = 1024;

  char* slot(StackId stack) const { return base_ + std::size_t{stack} * kSlotBytes; }

  // Constant after construction.
  char* base_ = nullptr;
  std::size_t slots_ = 0;
  void* mapping_ = nullptr;
  std::size_t mapping_bytes_ = 0;

  // Guarded by lock_.
  base::Lock lock_;
  std::vector<StackId> free_ TASKSCOPE_GUARDED_BY(lock_);
  std::deque<StackId> warm_ TASKSCOPE_GUARDED_BY(lock_);     // the hottest last
  std::size_t warm_unused_ TASKSCOPE_GUARDED_BY(lock_) = 0;  // its smallest size since age()
  StackId fresh_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  GuardPages guards_ TASKSCOPE_GUARDED_BY(lock_);

  // Atomic: a counter for tests and reports, relaxed.
  std::atomic<std::size_t> taken_{0};
};

// A worker's few hottest stacks, last in, first out, memory and all: the stack that ended last is
// still in this core's cache. Owned by one worker's thread.
class StackCache {
 public:
  explicit StackCache(StackPool& pool) : pool_(pool) {}
  ~StackCache() { pool_.give_back(stacks_, count_); }
  StackCache(const StackCache&) = delete;
  StackCache& operator=(const StackCache&) = delete;

  // kNoStack if the reservation is used up.
  StackId take() {
    if (count_ == 0) [[unlikely]] {
      count_ = pool_.take(stacks_, kBatch);
      if (count_ == 0) return kNoStack;
    }
    return stacks_[--count_];
  }

  void give_back(StackId stack) {
    if (count_ == kSize) [[unlikely]] {
      // The coldest half lies at the bottom.
      pool_.give_back(stacks_, kBatch);
      for (std::size_t i = kBatch; i < kSize; ++i) stacks_[i - kBatch] = stacks_[i];
      count_ -= kBatch;
    }
    stacks_[count_++] = stack;
  }

 private:
  static constexpr std::size_t kSize = 64;
  static constexpr std::size_t kBatch = kSize / 2;

  StackPool& pool_;
  StackId stacks_[kSize];
  std::size_t count_ = 0;
};

}  // namespace taskscope::stack
