// What is known of the collector's phases while tasks run, and what they give to it meanwhile.
//
// An object that must live is marked by whoever finds that out, at once, and noted to be looked
// into: by a thread in its own notes (Local), which go over to all when they are full. The
// collector takes those of all, and in the end, while no task runs, the rest of each thread's.
//
//   phase          from                                              to
//   even, 2N       cycle N has begun: all tasks were held            all it reaches is marked
//   odd, 2N + 1    marks of cycle N hold, what is not marked is free cycle N + 1 begins
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/memory/barrier.h"
#include "runtime/memory/local.h"
#include "runtime/memory/tracer.h"

namespace taskscope::memory {

// Atomic: changed while no thread is busy (local.h), so that it stays while one is; a futex.
extern std::atomic<std::uint32_t> g_phase;

inline std::uint32_t phase() { return g_phase.load(std::memory_order_relaxed); }
inline bool is_marking() { return (watched() & kMarking) != 0; }

// Marks what is found, on behalf of a thread that is busy.
class Keeper final : public Tracer {
 public:
  explicit Keeper(Local& local) : Tracer(false), local_(&local) {}
  // For threads that run no task and have nothing of their own.
  Keeper() : Tracer(false) {}

  void edge(const void*, void* target) override { keep(target); }
  void words(const void* first, std::size_t bytes) override;
  // REQUIRES: it is an object.
  void keep(void* object);

 private:
  Local* local_ = nullptr;
};

// ---- The collector's ----------------------------------------------------------------------------

// Moves what was noted to `objects`, whose room stays as it is; false: there is nothing.
bool take_noted(void** objects, std::size_t room, std::size_t& count);
// With the world stopped: what threads have not given over yet.
void give_over_notes();
// The same, but it is of no use any more.
void drop_notes();
struct MemoryOfNotes {
  const void* first;
  std::size_t bytes;
};
MemoryOfNotes memory_of_notes();

}  // namespace taskscope::memory
