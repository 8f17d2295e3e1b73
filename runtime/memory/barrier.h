// What tasks do for the collector while it marks beside them.
//
// Marking finds what could be reached at the one instant at which it began ("snapshot at the
// beginning", after Yuasa): whoever overwrites a handle keeps alive what it referred to, as the
// collector may not have seen that place yet. New objects are alive anyway, so what is written does
// not matter, and neither do copies of handles to new places.
//
// First the handle is stored, then it is asked whether anybody marks. A task that a signal holds in
// between has the old value in a register, where it is found.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace taskscope::memory {

// What whoever stores a handle must heed. Atomic: kScopesUsed is set by a task before it opens its
// first scope and stays; the others are changed while no task runs, or need no order.
extern std::atomic<std::uint32_t> g_watch;
inline constexpr std::uint32_t kScopesUsed = 1;  // it matters what is stored where
inline constexpr std::uint32_t kMarking = 2;     // what is overwritten is to be kept alive
inline constexpr std::uint32_t kWeaksEnd = 4;    // handles that are weak are being ended

inline std::uint32_t watched() { return g_watch.load(std::memory_order_relaxed); }

// The slow ways: keeps alive an object, null or what is none; and what words refer to.
void keep_alive(void* object);
void keep_words_alive(const void* first, std::size_t bytes);

// A handle that referred to `old` has just been overwritten, or has ended.
inline void note_overwritten(const volatile void* old) {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if ((watched() & kMarking) != 0) [[unlikely]]
    keep_alive(const_cast<void*>(old));
}

// A value was taken from where the collector looks (a channel's buffer).
inline void note_taken(const void* value, std::size_t bytes) {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  if ((watched() & kMarking) != 0) [[unlikely]]
    keep_words_alive(value, bytes);
}

}  // namespace taskscope::memory
