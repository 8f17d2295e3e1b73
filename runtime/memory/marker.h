// Marker: marks all objects that can be reached from what it is shown, while tasks change them.
//
// A stack of objects to look into, and before it a short queue whose objects are fetched into the
// cache meanwhile: on a shuffled heap that is most of the time (after Cher, Hosking and Vitek,
// "Software prefetching for mark-sweep garbage collection").
//
// Handles are read one by one; what a class shows of itself is not asked for here, because that
// would see it half changed: such an object is looked at word by word, and what its containers held
// when marking began was recorded then (containers.h).
//
// The collector's. Allocates nothing but lazily mapped memory, because a thread that is stopped may
// hold malloc's lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/sanitizer.h"
#include "runtime/memory/address_space.h"
#include "runtime/memory/tracer.h"

namespace taskscope::memory {

class ContainerContents;
struct TypeInfo;

class Marker final : public Tracer {
 public:
  // Writes that bitmap. `contents` may be null: then containers show nothing.
  Marker(std::uint8_t* marks, const ContainerContents* contents);

  void edge(const void* place, void* target) override;
  void words(const void* first, std::size_t bytes) override;
  // A handle that is known to be one; null is nothing.
  void mark(void* object);
  // What tasks have marked and noted. False if there was nothing.
  bool take_noted();
  // Until everything that is reached is marked.
  void drain() { drain_some(~std::size_t{0}); }
  // The same, but looks into `count` objects at most; false if it is not at the end.
  bool drain_some(std::size_t count);

  static constexpr std::size_t kStackMax = std::size_t{1} << 28;
  // What it writes its notes into.
  const void* own_memory() const { return stack_; }
  static constexpr std::size_t kOwnBytes = kStackMax * sizeof(void*);

  // The allocated object in which an address lies, or null.
  static void* resolve(std::uintptr_t address);
  // A word that others may write.
  TASKSCOPE_UNSANITIZED static std::uintptr_t load(std::uintptr_t at) {
    return __atomic_load_n(reinterpret_cast<const std::uintptr_t*>(at), __ATOMIC_ACQUIRE);
  }

 private:
  static constexpr std::size_t kAhead = 16;
  // In the stack: of an object in a block of a scope, which may be dead and refer to what is gone.
  static constexpr std::uintptr_t kDoubtful = 1;

  void mark_now(void* object);
  void mark_doubtful(void* object);
  void push(void* object, const Span& span);
  void scan(std::uintptr_t entry);
  void scan_words(void* object);
  template <class Mark>
  void scan_masks(void* object, const TypeInfo& type, Mark mark);

  std::uintptr_t* const stack_;
  std::size_t depth_ = 0;
  const ContainerContents* const contents_;
  // Of the address space, at hand.
  const std::uintptr_t base_;
  const std::size_t bytes_;
  std::uint8_t* const marks_;
  const Span* const spans_;
};

}  // namespace taskscope::memory
