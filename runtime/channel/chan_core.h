// ChanCore: a channel without its element type, after Go's hchan.
//
// A buffer of `capacity` elements, a queue of waiting receivers, a queue of waiting senders, one
// lock. A send that finds a receiver waiting moves the value straight into the receiver's stack; a
// receive from a full buffer moves the longest waiting sender's value in behind it. What a buffered
// channel does most, taking or giving an element with nobody waiting, is inlined for its type
// (send<T>, recv<T>); the rest knows elements by ElementType. Elements are moved under the lock:
// that must not throw and must not use channels.
//
// Owned by its handles (Chan<T>), which count references. Any task may call; threads that are no
// worker's may call what cannot wait.
//
// Invariants (under lock_; a waiter whose wait has been ended elsewhere does not count):
//   1. receivers_ is empty or (senders_ is empty and count_ == 0).
//   2. senders_ is empty or count_ == capacity.
//   3. closed_ implies that both queues are empty.
//   4. limit_ is 0 if closed_, else the capacity.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/traced_channel.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope::channel {

// What the core must know of T.
struct ElementType {
  std::size_t size;
  std::size_t alignment;
  // Constructs *to from *from, which stays to be destroyed. Null: a copy of its bytes does.
  void (*move)(void* to, void* from);
  void (*destroy)(void* element);  // null: nothing to do
  // The collector looks at the buffer.
  bool holds_handles;
};

// Under a channel's lock nothing may throw: a move that does ends the program.
template <class T>
void construct_from(void* to, T& from) noexcept {
  ::new (to) T(std::move(from));
}

enum class RecvStatus : std::uint8_t { Value, Closed, WouldWait };

// A channel that is closed when something is over: what a Context is to the operations that give up
// with it. Null: never.
class ChanCore;
using DoneChannel = ChanCore*;

class ChanCore {
 public:
  struct Options {
    std::size_t capacity = 0;
    const char* name = nullptr;  // must live for ever; null: none
    trace_format::ObjectKind kind = trace_format::ObjectKind::Channel;
  };
  // One reference, the caller's.
  static ChanCore* make(const ElementType& type, const Options& options, const base::Site& site);
  void add_reference() { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference(sched::ChannelEnd end) {
    if (sched::drops_are_noted.load(std::memory_order_relaxed)) [[unlikely]] {
      traced_.note_drop(end);
      sched::clear_stack_below();
    }
    // Release: this handle's uses; acquire: all others' before the destruction.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

  // T is the element type in all of these.

  // Moves `value` into the channel; waits for room. Panics if the channel is or gets closed.
  template <class T>
  [[gnu::always_inline]] void send(T& value, const base::Site& site) {
    if (!send_into_buffer(value)) send_slow(&value, site.file, site.function, site.line);
  }
  // The same if it need not wait; else false, and `value` is untouched.
  template <class T>
  [[gnu::always_inline]] bool try_send(T& value) {
    return send_into_buffer(value) || try_send_slow(&value);
  }
  // The same, but gives up when `done` is closed: false then, and `value` is untouched. Nobody may
  // send on `done`. A closed `done` wins over everything else.
  template <class T>
  [[gnu::always_inline]] bool send_unless(DoneChannel done, T& value, const base::Site& site) {
    if (done != nullptr && done->closed()) return false;
    return send_into_buffer(value) || send_unless_slow(done, &value, site);
  }

  // Constructs the next value at `slot`, or Closed: none will come. Waits for one.
  template <class T>
  [[gnu::always_inline]] RecvStatus recv(T* slot, const base::Site& site) {
    return recv_from_buffer(slot) ? RecvStatus::Value
                                  : recv_slow(slot, site.file, site.function, site.line);
  }
  template <class T>
  [[gnu::always_inline]] RecvStatus try_recv(T* slot) {
    return recv_from_buffer(slot) ? RecvStatus::Value : try_recv_slow(slot);
  }
  // The same as recv, but WouldWait when `done` is closed first.
  template <class T>
  [[gnu::always_inline]] RecvStatus recv_unless(DoneChannel done, T* slot, const base::Site& site) {
    if (done != nullptr && done->closed()) return RecvStatus::WouldWait;
    return recv_from_buffer(slot) ? RecvStatus::Value : recv_unless_slow(done, slot, site);
  }

  // Panics if it is closed already.
  void close(const base::Site& site);
  // The panic of a send that found it closed.
  [[noreturn]] void send_on_closed() const;
  // Throws if the calling task's wait was ended by force; `self` is then in the queue no more.
  void leave_if_unwound(sched::WaitQueue& queue, sched::Waiter& self);

  // A timer's channel shows no buffer.
  std::size_t length() const;
  std::size_t capacity() const { return is_timers() ? 0 : capacity_; }
  // What a recording knows it by.
  instrument::TracedObject& traced() { return traced_; }
  // Without the lock: true if close() has returned before.
  bool closed() const { return closed_.load(std::memory_order_acquire); }

 private:
  friend class Selection;
  friend class DoneWait;

  ChanCore(const ElementType& type, const Options& options, const base::Site& site);
  // Without the analysis of locks: who asks looks at what nobody changes.
  static sched::TracedChannel::Parts parts_of(const void* address) TASKSCOPE_NO_ANALYSIS;
  ~ChanCore() = default;
  void destroy();
  bool is_timers() const { return traced_.kind() == trace_format::ObjectKind::Timer; }

  // The quick ways. They leave lock_ held if they return false.
  template <class T>
  bool send_into_buffer(T& value) TASKSCOPE_NO_ANALYSIS {
    lock_.lock();
    if (count_ >= limit_ || receivers_.maybe_any()) return false;
    construct_from(static_cast<T*>(static_cast<void*>(buffer_)) + send_at_, value);
    send_at_ = next(send_at_);
    ++count_;
    lock_.unlock();
    return true;
  }
  template <class T>
  bool recv_from_buffer(T* slot) TASKSCOPE_NO_ANALYSIS {
    lock_.lock();
    if (count_ == 0 || senders_.maybe_any()) return false;
    T& oldest = *std::launder(static_cast<T*>(static_cast<void*>(buffer_)) + recv_at_);
    construct_from(static_cast<void*>(slot), oldest);
    std::destroy_at(&oldest);
    recv_at_ = next(recv_at_);
    --count_;
    lock_.unlock();
    return true;
  }

  // REQUIRE lock_ and release it. They take the site in registers, so that a quick way need not put
  // it into memory first.
  void send_slow(void* value, const char* file, const char* function, std::uint32_t line);
  bool try_send_slow(void* value);
  RecvStatus recv_slow(void* slot, const char* file, const char* function, std::uint32_t line);
  RecvStatus try_recv_slow(void* slot);
  bool send_unless_slow(DoneChannel done, void* value, const base::Site& site);
  RecvStatus recv_unless_slow(DoneChannel done, void* slot, const base::Site& site);

  // What send and recv do when they need not wait; lock_ stays held. `woken` is the task whose wait
  // that has ended, to be readied after the lock is released.
  enum class SendStatus : std::uint8_t { Sent, Closed, WouldWait };
  SendStatus send_now(void* value, sched::Task*& woken) TASKSCOPE_REQUIRES(lock_);
  RecvStatus recv_now(void* slot, sched::Task*& woken) TASKSCOPE_REQUIRES(lock_);

  void move(void* to, void* from) const;
  std::byte* place(std::size_t index) { return buffer_ + index * type_.size; }
  std::size_t next(std::size_t index) const { return index + 1 == capacity_ ? 0 : index + 1; }

  // Guarded by lock_. First, so that what a send touches is on one or two cache lines.
  mutable base::Lock lock_;
  // Atomic: written under lock_, with release; closed() reads it without.
  std::atomic<bool> closed_{false};
  std::size_t count_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  std::size_t limit_ TASKSCOPE_GUARDED_BY(lock_);
  std::size_t send_at_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  std::size_t recv_at_ TASKSCOPE_GUARDED_BY(lock_) = 0;

  // Constant after construction.
  const std::size_t capacity_;
  std::byte* buffer_ = nullptr;  // behind this object, in the same allocation
  const ElementType& type_;

  // Guarded by lock_.
  sched::WaitQueue receivers_ TASKSCOPE_GUARDED_BY(lock_);
  sched::WaitQueue senders_ TASKSCOPE_GUARDED_BY(lock_);
  sched::TracedChannel traced_;
  std::uint32_t random_ TASKSCOPE_GUARDED_BY(lock_);  // selects draw from it (Selection)

  // Atomic: handles; see add_reference and drop_reference.
  std::atomic<std::size_t> references_{1};
};

// A task waits for ever on a nil channel or in a select without arms, or until `done` is closed.
[[noreturn]] void nil_send(base::Site site);
[[noreturn]] void nil_recv(base::Site site);
void nil_send_unless(DoneChannel done, const base::Site& site);
void nil_recv_unless(DoneChannel done, const base::Site& site);
[[noreturn]] void nil_close();
[[noreturn]] void select_nothing(const base::Site& site);

}  // namespace taskscope::channel
