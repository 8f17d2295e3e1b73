// TracedChannel: what proofs know of a channel, beside what a trace does.
//
// Embedded in the channel's core. Who can still send on a channel, receive from it or close it, is
// who has a word with the core's address: every handle is one (channel/chan.h), and so is whatever
// else refers to it. Which end a handle is stands in the word's lowest bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope::sched {

// What a handle can do; the number is added to the core's address.
enum class ChannelEnd : std::uint8_t { Both = 0, Receive = 1, Send = 2 };

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
  TracedChannel(trace_format::ObjectKind kind, const base::Site& made_at, std::uint32_t capacity,
                const char* name, const Parts& parts)
      : TracedObject(kind, made_at, capacity, name), parts_(parts) {}

  // Whether an object is one of these.
  static bool is(const instrument::TracedObject& object) {
    using trace_format::ObjectKind;
    return object.kind() == ObjectKind::Channel || object.kind() == ObjectKind::Timer ||
           object.kind() == ObjectKind::Context;
  }
  const Parts& parts() const { return parts_; }

 private:
  const Parts parts_;
};

}  // namespace taskscope::sched
