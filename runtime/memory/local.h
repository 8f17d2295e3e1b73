// Local: what one thread keeps of the heap, so that allocating takes no lock.
//
// A free run of slots for each list, empty blocks for arenas, and counters for each call site. It
// is the thread's, not the worker's: a task that has lost its worker to a signal goes on allocating
// on its own thread, and nobody else may then touch what it allocates from. Threads that drive
// workers are hardly more than workers, and each collection empties what they keep.
//
// A thread gets one with its first allocation and leaves it to the next when it ends. The collector
// looks at them all while no task runs; a thread that is inside of a BusySection then is let go on
// first, so what it changes there is whole.
//
// Invariants:
//   1. [cursor, end) of a run is free, its headers are 0, and it is the thread's until it is used
//      up: whatever is marked meanwhile, the slots of runs are marked, too. Who takes a slot writes
//      its header, then moves the cursor.
//   2. Locals are never given back; all of them stand in the list from g_locals.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "runtime/memory/header.h"
#include "runtime/memory/size_classes.h"

namespace taskscope::sched {
class Thread;
}

namespace taskscope::memory {

struct Run {
  char* cursor = nullptr;
  char* end = nullptr;
};

struct alignas(64) Local {
  static constexpr std::uint32_t kBlocksMax = 32;
  static constexpr std::uint32_t kArenasMax = 32;

  // Owned by the thread.
  Run runs[kLists];
  std::uint32_t run_spans[kLists] = {};
  // Objects made at each site: [2 * site] on the heap, [2 * site + 1] in arenas.
  std::uint64_t* site_counts = nullptr;
  std::uint32_t blocks[kBlocksMax] = {};  // empty blocks
  std::uint32_t block_count = 0;
  std::uint32_t tail = 0;  // an adopted block with room left
  std::uint32_t arenas[kArenasMax] = {};
  std::uint32_t arena_count = 0;
  std::uint64_t refills = 0;
  // Objects that it has marked and the collector is yet to look into (marking.h).
  static constexpr std::uint32_t kNotedMax = 256;
  void* noted[kNotedMax] = {};
  std::uint32_t noted_count = 0;

  // Atomic: how many BusySections it is in; its own, but the collector looks while it is stopped.
  std::atomic<std::uint32_t> busy{0};
  // Atomic: it waits for a collection where no container of a task's is half changed.
  std::atomic<bool> waits{false};
  // Atomic: whose it is, null while it waits for a thread.
  std::atomic<const sched::Thread*> owner{nullptr};
  // Constant after construction.
  Local* next = nullptr;
};

// What the thread has. Never inlined where compilers know that it is a thread's own, because they
// would keep it over a switch to another thread (sched/thread.h).
extern __thread Local* t_local asm("taskscope_memory_local")
    __attribute__((tls_model("initial-exec"), visibility("hidden")));
extern Local g_no_local;  // of threads that have none: all its runs are empty

#if defined(__x86_64__)
inline Local* quick_local() {
  Local* local;
  asm volatile(
      "movq taskscope_memory_local@gottpoff(%%rip), %0\n\t"
      "movq %%fs:(%0), %0"
      : "=r"(local));
  return local;
}
#else
Local* quick_local();
#endif

// The calling thread's, a new one if it has none. REQUIRES: a task calls.
Local& own_local(const char* what);
// All of them.
Local* first_local();

// While one exists the collector waits for this thread. Never around anything that may wait for
// another task.
class BusySection {
 public:
  explicit BusySection(Local& local) : local_(local) {
    local_.busy.store(local_.busy.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  ~BusySection() {
    std::atomic_signal_fence(std::memory_order_seq_cst);
    local_.busy.store(local_.busy.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  }
  BusySection(const BusySection&) = delete;
  BusySection& operator=(const BusySection&) = delete;

 private:
  Local& local_;
};

// The same for any thread: one that runs no task is not stopped, and is out soon.
class QuietSection {
 public:
  QuietSection();

 private:
  std::optional<BusySection> busy_;
};

}  // namespace taskscope::memory
