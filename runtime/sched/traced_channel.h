// TracedChannel: what proofs know of a channel, beside what a trace does.
//
// Embedded in the channel's core. Who can still send on a channel, receive from it or close it, is
// who has a handle, or is in the middle of using one. A handle is one word (channel/chan.h) that is
// like no pointer: its highest bits are kHandleMark, its lowest say which end it is. So what is
// left of other things that once were at the core's address is not taken for one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/base/sanitizer.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope::sched {

// What a handle can do.
enum class ChannelEnd : std::uint8_t { Both = 0, Receive = 1, Send = 2 };

// A handle's word is the core's address, and this, and the number of its end. No address has these
// bits. Sanitizers look for plain pointers.
inline constexpr std::uintptr_t kHandleMark =
    TASKSCOPE_ASAN || TASKSCOPE_TSAN ? 0 : std::uintptr_t{0x54} << 56;

// A handle that was given up.
struct HandleDrop {
  trace_format::TaskId task = 0;  // by whom; 0: by no task
  std::int64_t ns = 0;            // when (CLOCK_MONOTONIC); 0: none was
  // Return addresses, innermost first; 0 ends them.
  using Calls = std::array<std::uint64_t, 4>;
  Calls calls{};  // where
};

// Atomic: whether it is noted which handles are given up, because leaks are looked for. Written by
// LeakWatch, read relaxed: one that is given up at that moment may be noted or not.
extern std::atomic<bool> drops_are_noted;

// Overwrites what calls have left below the caller's frame: addresses of the channel there would
// look as if somebody could still use it.
void clear_stack_below();

class TracedChannel : public instrument::TracedObject {
 public:
  // Where the core and its buffer lie, and what of it says who waits. They live as long as this.
  struct Parts {
    const void* first = nullptr;
    std::size_t header_bytes = 0;  // before the buffer
    std::size_t bytes = 0;
    const base::Lock* lock = nullptr;
    const WaitQueue* receivers = nullptr;
    const WaitQueue* senders = nullptr;
  };
  using FindParts = Parts (*)(const void* core);
  TracedChannel(trace_format::ObjectKind kind, const base::Site& made_at, std::uint32_t capacity,
                const char* name, const void* core, FindParts find_parts)
      : TracedObject(kind, made_at, capacity, name), core_(core), find_parts_(find_parts) {}

  ~TracedChannel() { delete drops_.load(std::memory_order_relaxed); }

  // A handle for that end is given up, here.
  void note_drop(ChannelEnd end);
  // The last of those that could send, or of those that could receive. REQUIRES: nobody runs.
  HandleDrop last_drop(ChannelEnd of) const;

  // Whether an object is one of these.
  static bool is(const instrument::TracedObject& object) {
    using trace_format::ObjectKind;
    return object.kind() == ObjectKind::Channel || object.kind() == ObjectKind::Timer ||
           object.kind() == ObjectKind::Context;
  }
  Parts parts() const { return find_parts_(core_); }

 private:
  struct Drops {
    // Atomic: somebody is writing the others; acquire and release.
    std::atomic<bool> busy{false};
    HandleDrop of_sender;
    HandleDrop of_receiver;
  };

  // Constant after construction.
  const void* core_;
  FindParts find_parts_;

  // Atomic: made by the first who notes something, by CAS with release, and read with acquire.
  std::atomic<Drops*> drops_{nullptr};
};

}  // namespace taskscope::sched
