// StackPool: the stacks of all tasks of one run, cut from one reservation of address space.
//
// The reservation is a single lazily touched mapping of aligned slots, all of one size, a power of
// two. By default that is 256 KiB: C++ code that formats, parses or logs wants tens of KiB,
// untouched pages cost nothing, and at this spacing a parked task with one touched page costs 4,292
// bytes of resident memory, its own included, and 0.5 KiB of page tables, which are not counted in
// those (64 KiB slots would save 0.4 KiB of these and overflow in real programs).
// The lowest 16th of a slot is its guard, a MiB at most: a function whose frame is larger than a
// page must not step over it into the next stack. Stack tops are coloured: with all of them at one
// offset the hot lines of thousands of tasks would compete for the same few cache sets.
//
// Owned by the scheduler of a run. take() and give_back() may be called by any thread; workers do
// so in batches, through StackCache.
//
// Invariants:
//   1. A slot is unused (index >= fresh_), free (in free_), cached by a worker, or in use.
//   2. Stacks in warm_ keep the memory they touched: a page that is given to the kernel and taken
//      again costs 2 to 3 µs, as much as ten tasks. Those that were not needed for a while give it
//      back when age() is called, which is nobody's but the monitor's.
//   3. Slots below dumpable_ go into a core dump, and fresh_ <= dumpable_. The kernel looks at
//   every
//      page of what it dumps, touched or not: with all slots a crash would take minutes.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/stack/context.h"
#include "runtime/stack/guard.h"

namespace taskscope::stack {

inline constexpr std::size_t kStackBytesDefault = std::size_t{256} << 10;
inline constexpr std::size_t kStackBytesMin = std::size_t{64} << 10;
inline constexpr std::size_t kStackBytesMax = std::size_t{1} << 30;

struct StackPoolOptions {
  // Address space for one stack, guard and colour included; rounded up to a power of two.
  std::size_t stack_bytes = kStackBytesDefault;
  // Address space for all; stacks that are larger than the default get more of it than those.
  std::size_t reservation_bytes_max = std::size_t{32} << 40;
  std::size_t slots_max = std::size_t{1} << 21;  // 512 GiB of stacks of the default size
  GuardPages guards{};                           // for tests
};

// The number of a slot; kNoStack is none.
using StackId = std::uint32_t;
inline constexpr StackId kNoStack = 0xffff'ffff;

class StackPool {
 public:
  // Reserves as many slots as `options` allow, fewer where the machine refuses; none, see slots(),
  // where it refuses even kSlotsMin.
  explicit StackPool(const StackPoolOptions& options = {});
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
  // Gives the memory below `top` to the kernel: what the task on this stack has used and left.
  // REQUIRES: nobody runs on the stack, and whoever continues there finds its stack pointer at
  // `top`.
  void give_memory_back_below(StackId stack, const void* top);

  // Usable bytes of a stack: above its guard, below its colour.
  Extent extent(StackId stack) const;

  // How many stacks there are; 0: the machine has no address space for them.
  std::size_t slots() const { return slots_; }
  // Of one stack, as rounded.
  std::size_t stack_bytes() const { return slot_bytes_; }
  // Stacks handed out and not given back (cached ones included).
  std::size_t taken() const { return taken_.load(std::memory_order_relaxed); }
  // All of its memory.
  const void* mapping() const { return mapping_; }
  std::size_t mapping_bytes() const { return mapping_bytes_; }
  // Where the first slot begins.
  const void* first() const { return base_; }
  // The slot in which `address` lies, its guard included; kNoStack if that is elsewhere.
  StackId find(const void* address) const;
  // True if `address` lies in the guard of some slot.
  bool is_guard(const void* address) const;

 private:
  static constexpr std::size_t kSlotsMin = 16;
  static constexpr std::size_t kWarmMin = 1024;

  char* slot(StackId stack) const { return base_ + std::size_t{stack} * slot_bytes_; }
  void install_guard() TASKSCOPE_REQUIRES(lock_);
  void make_dumpable() TASKSCOPE_REQUIRES(lock_);

  // Constant after construction.
  std::size_t slot_bytes_;
  std::size_t guard_bytes_;
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
  std::size_t dumpable_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  GuardPages guards_ TASKSCOPE_GUARDED_BY(lock_);
  std::vector<unsigned> valgrind_stacks_ TASKSCOPE_GUARDED_BY(lock_);  // empty elsewhere

  // Atomic: a counter for tests and reports, relaxed.
  std::atomic<std::size_t> taken_{0};
};

// A worker's few hottest stacks, last in, first out, memory and all: the stack that ended last is
// still in this core's cache. Owned by one worker's thread.
class StackCache {
 public:
  explicit StackCache(StackPool& pool)
      : pool_(pool), batch_(std::clamp<std::size_t>(pool.slots() / 64, 1, kBatchMax)) {}
  ~StackCache() { pool_.give_back(stacks_, count_); }
  StackCache(const StackCache&) = delete;
  StackCache& operator=(const StackCache&) = delete;

  // kNoStack if the reservation is used up.
  StackId take() {
    if (count_ == 0) [[unlikely]] {
      count_ = pool_.take(stacks_, batch_);
      if (count_ == 0) return kNoStack;
    }
    return stacks_[--count_];
  }

  void give_back(StackId stack) {
    if (count_ == 2 * batch_) [[unlikely]] {
      // The coldest half lies at the bottom.
      pool_.give_back(stacks_, batch_);
      for (std::size_t i = 0; i < batch_; ++i) stacks_[i] = stacks_[batch_ + i];
      count_ -= batch_;
    }
    stacks_[count_++] = stack;
  }

 private:
  static constexpr std::size_t kBatchMax = 32;

  StackPool& pool_;
  // Few of few: with large stacks there may be only some for all workers.
  const std::size_t batch_;
  StackId stacks_[2 * kBatchMax];
  std::size_t count_ = 0;
};

}  // namespace taskscope::stack
