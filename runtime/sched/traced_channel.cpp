#include "runtime/sched/traced_channel.h"

#include <new>

#include "runtime/base/clock.h"
#include "runtime/sched/call_stack.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/thread.h"

namespace taskscope::sched {

std::atomic<bool> drops_are_noted{false};

// Not inline: whose frame this is called from is where the handle was given up.
[[gnu::noinline, gnu::cold]] void TracedChannel::note_drop(ChannelEnd end) {
  Drops* drops = drops_.load(std::memory_order_acquire);
  if (drops == nullptr) {
    Drops* const made = new (std::nothrow) Drops;
    if (made == nullptr) return;
    if (drops_.compare_exchange_strong(drops, made, std::memory_order_acq_rel)) {
      drops = made;
    } else {
      delete made;
    }
  }
  // Whoever is just noting one gives it up at the same moment.
  if (drops->busy.exchange(true, std::memory_order_acquire)) return;
  HandleDrop drop{.task = 0, .ns = base::monotonic_ns(), .calls = {}};
  const Thread* const thread = quick_current_thread();
  const Task* const task = thread == nullptr ? nullptr : thread->task();
  if (task != nullptr && !task->stack.none()) {
    drop.task = task->id;
    const auto frame = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    const stack::StackPool& stacks = thread->scheduler().stacks();
    debug::walk_frames(frame, bounds_of_stack(frame, stacks), drop.calls);
  } else {
    drop.calls[0] = reinterpret_cast<std::uintptr_t>(__builtin_return_address(0));
  }
  if (end != ChannelEnd::Receive) drops->of_sender = drop;
  if (end != ChannelEnd::Send) drops->of_receiver = drop;
  drops->busy.store(false, std::memory_order_release);
}

[[gnu::noinline, gnu::cold]] void clear_stack_below() {
  std::array<std::uintptr_t, 128> words;  // more than note_drop() and what it calls have used
  for (std::uintptr_t& word : words) *static_cast<volatile std::uintptr_t*>(&word) = 0;
}

HandleDrop TracedChannel::last_drop(ChannelEnd of) const {
  const Drops* const drops = drops_.load(std::memory_order_acquire);
  if (drops == nullptr || drops->busy.load(std::memory_order_acquire)) return {};
  return of == ChannelEnd::Send ? drops->of_sender : drops->of_receiver;
}

}  // namespace taskscope::sched
