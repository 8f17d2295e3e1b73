// TracedChannel: what proofs know of a channel, beside what a trace does.
//
// Embedded in the channel's core. Who can still send on a channel, receive from it or close it, is
// who has a handle, or is in the middle of using one. A handle is one word (channel/chan.h) that is
// like no pointer: its highest bits are kHandleMark, its lowest say which end it is. So what is
// left of other things that once were at the core's address is not taken for one.
#pragma once

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

  // Whether an object is one of these.
  static bool is(const instrument::TracedObject& object) {
    using trace_format::ObjectKind;
    return object.kind() == ObjectKind::Channel || object.kind() == ObjectKind::Timer ||
           object.kind() == ObjectKind::Context;
  }
  Parts parts() const { return find_parts_(core_); }

 private:
  // Constant after construction.
  const void* core_;
  FindParts find_parts_;
};

}  // namespace taskscope::sched
