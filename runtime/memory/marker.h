// Marker: marks all objects that can be reached from what it is shown.
//
// A stack of objects to look into, and before it a short queue whose objects are fetched into the
// cache meanwhile: on a shuffled heap that is most of the time (after Cher, Hosking and Vitek,
// "Software prefetching for mark-sweep garbage collection").
//
// The collector's, while no task runs; allocates nothing but lazily mapped memory, because a thread
// that is stopped may hold malloc's lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/memory/address_space.h"
#include "runtime/memory/tracer.h"

namespace taskscope::memory {

class Marker final : public Tracer {
 public:
  // Writes the bitmap that is not the last collection's. `sees_containers`: see collector.h.
  explicit Marker(bool sees_containers);

  void edge(const void* place, void* target) override;
  void words(const void* first, std::size_t bytes) override;
  // A handle that is known to be one; null is nothing.
  void mark(void* object);
  // Until everything that is reached is marked.
  void drain();

  static constexpr std::size_t kStackMax = std::size_t{1} << 28;
  // What it writes its notes into.
  const void* own_memory() const { return stack_; }
  static constexpr std::size_t kOwnBytes = kStackMax * sizeof(void*);

  // The allocated object in which an address lies, or null.
  static void* resolve(std::uintptr_t address);

 private:
  static constexpr std::size_t kAhead = 16;

  void mark_now(void* object);
  void scan(void* object);

  void** const stack_;
  std::size_t depth_ = 0;
  // Of the address space, at hand.
  const std::uintptr_t base_;
  const std::size_t bytes_;
  std::uint8_t* const marks_;
  const Span* const spans_;
};

}  // namespace taskscope::memory
