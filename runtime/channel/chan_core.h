// ChanCore: a channel without its element type, after Go's hchan.
//
// A buffer of `capacity` elements, a queue of waiting receivers, a queue of waiting senders, one
// lock. A send that finds a receiver waiting moves the value straight into the receiver's stack; a
// receive from a full buffer moves the longest waiting sender's value in behind it. Elements are
// moved by the two functions of ElementType, under the lock: they must not throw and must not use
// channels.
//
// Owned by its handles (Chan<T>), which count references. Any task may call; threads that are no
// worker's may call what cannot wait.
//
// Invariants (under lock_):
//   1. receivers_ is empty or (senders_ is empty and count_ == 0).
//   2. senders_ is empty or count_ == capacity.
//   3. closed_ implies that both queues are empty.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope::channel {

// What the core must know of T.
struct ElementType {
  std::size_t size;
  std::size_t alignment;
  void (*move)(void* to, void* from);  // constructs *to from *from, which stays to be destroyed
  void (*destroy)(void* element);
};

enum class RecvStatus : std::uint8_t { Value, Closed, WouldWait };

class ChanCore {
 public:
  // One reference, the caller's. `name` must live for ever; null: none.
  static ChanCore* make(const ElementType& type, std::size_t capacity, const char* name,
                        const base::Site& site);
  void add_reference() { references_.fetch_add(1, std::memory_order_relaxed); }
  void drop_reference() {
    // Release: this handle's uses; acquire: all others' before the destruction.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }

  // Moves *value into the channel; waits for room. Panics if the channel is or gets closed.
  void send(void* value, const base::Site& site);
  // The same if it need not wait; else false, and *value is untouched.
  bool try_send(void* value);

  // Constructs the next value at *value, or Closed: none will come. Waits for one.
  RecvStatus recv(void* value, const base::Site& site);
  RecvStatus try_recv(void* value);

  // Panics if it is closed already.
  void close(const base::Site& site);

  std::size_t length() const;
  std::size_t capacity() const { return capacity_; }

 private:
  ChanCore(const ElementType& type, std::size_t capacity, const char* name, const base::Site& site);
  ~ChanCore() = default;
  void destroy();

  // The part of send and recv that need not wait. They release lock_ if they return true.
  bool send_now(void* value) TASKSCOPE_REQUIRES(lock_);
  bool recv_now(void* value, RecvStatus& status) TASKSCOPE_REQUIRES(lock_);

  std::byte* place(std::size_t index) { return buffer_ + index * type_.size; }
  std::size_t next(std::size_t index) const { return index + 1 == capacity_ ? 0 : index + 1; }

  // Constant after construction.
  const ElementType& type_;
  const std::size_t capacity_;
  std::byte* buffer_ = nullptr;  // behind this object, in the same allocation

  // Guarded by lock_.
  mutable base::Lock lock_;
  std::size_t first_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  std::size_t count_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  bool closed_ TASKSCOPE_GUARDED_BY(lock_) = false;
  sched::WaitQueue receivers_ TASKSCOPE_GUARDED_BY(lock_);
  sched::WaitQueue senders_ TASKSCOPE_GUARDED_BY(lock_);
  instrument::TracedObject traced_;

  // Atomic: handles; see add_reference and drop_reference.
  std::atomic<std::size_t> references_{1};
};

// A task waits for ever on a nil channel.
[[noreturn]] void nil_send(const base::Site& site);
[[noreturn]] void nil_recv(const base::Site& site);
[[noreturn]] void nil_close();

}  // namespace taskscope::channel
