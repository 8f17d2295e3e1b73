// PollDesc: one descriptor as the poller sees it, with a place to wait for each direction.
//
// The descriptor is registered edge-triggered, once, when somebody first has to wait for it; an
// operation that never waits costs the poller nothing. Because edges are reported once only, who
// wants to read must first prepare(), then try, and wait() only when the try said EAGAIN: an edge
// that comes after prepare() is remembered, one before it has nothing to say that the try does not
// find out. Each direction may have a deadline, which ends the wait under way and refuses others
// until it is set anew.
//
// Owned by the Poller, whose memory for it stays what it is until the run ends: events that the
// kernel still had in hand when a descriptor was closed meet a PollDesc of another generation and
// are dropped. Any thread may call what does not wait. At most one task waits per direction.
//
// Invariants (under lock_):
//   1. A slot's queue has at most one waiter: a parked task, or one about to leave its stack with
//      lock_ held.
//   2. Whoever takes a waiter out of its queue readies it, after lock_ has been opened.
//   3. closed_ or failed_ != 0 implies that both queues are empty; kExpired that its slot's is.
//   4. A slot with a deadline in the future has its timer pending, or about to be started by the
//      holder of deadline_lock_. A timer that fires early or late for what the deadline is now does
//      nothing.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "runtime/base/lock.h"
#include "runtime/sched/task.h"
#include "runtime/sched/timer.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope::sched {

class Poller;

enum class PollMode : std::uint8_t { Read, Write };

// How a wait for a descriptor ended.
enum class PollResult : std::uint8_t {
  Ready,      // worth another try
  Closed,     // by close()
  TimedOut,   // the deadline has passed
  Cancelled,  // the context was done (Wait)
  Failed,     // the kernel does not watch this descriptor: failure() says why
};

class PollDesc {
 public:
  static constexpr std::int64_t kNoDeadline = std::numeric_limits<std::int64_t>::max();

  PollDesc() = default;
  PollDesc(const PollDesc&) = delete;
  PollDesc& operator=(const PollDesc&) = delete;

  // Forgets the edges so far. Before each try of an operation that may end in wait(). False if the
  // deadline has passed.
  bool prepare(PollMode mode) {
    std::atomic<std::uint8_t>& state = slots_[index(mode)].state;
    const std::uint8_t seen = state.load(std::memory_order_relaxed);
    if (seen == 0) [[likely]]
      return true;
    if ((seen & kExpired) != 0) return false;
    // Acquire pairs with the release in take_for_edge(): the try sees what the edge told of.
    state.fetch_and(static_cast<std::uint8_t>(~kReady), std::memory_order_acquire);
    return true;
  }

  // The calling task waits until the descriptor can be read or written.
  PollResult wait(PollMode mode, const WaitSpec& spec);

  // The parts of wait(), for waits that something else may end, too:
  //
  //   PollResult result;
  //   sched::Waiter self{.task = …};
  //   if (desc.begin_wait(mode, self, result)) {
  //     …park with lock(), which is held, and queue(mode), in which `self` is…
  //     desc.end_wait();
  //   }
  //
  // False: there is nothing to wait for, as `result` says. What ends the wait writes `result`.
  bool begin_wait(PollMode mode, Waiter& self, PollResult& result);
  void end_wait();
  WaitQueue& queue(PollMode mode) { return slots_[index(mode)].queue; }

  // Waits in direction `mode` end with TimedOut from `deadline_ns` of now_ns() on; kNoDeadline:
  // never.
  void set_deadline(PollMode mode, std::int64_t deadline_ns);

  // Every wait ends, now and in future.
  void close();

  // Guards what this class keeps, and what its user wants to keep under the same lock, so that a
  // traced object has one lock for all waits.
  base::Lock& lock() { return lock_; }
  Poller& poller() const { return *poller_; }

  // errno of the registration that failed.
  int failure() const { return failed_.load(std::memory_order_relaxed); }

 private:
  friend class Poller;

  static constexpr std::uint8_t kReady = 1;    // an edge that nobody waited for
  static constexpr std::uint8_t kExpired = 2;  // the deadline has passed

  struct Slot : Timer {
    Slot() : Timer(kType) {}
    void expire();
    static void fire_slot(Timer& timer) { static_cast<Slot&>(timer).expire(); }
    static constexpr TimerType kType{.fire = fire_slot, .kind = trace_format::TimerKind::Network};

    PollDesc* desc = nullptr;  // constant
    // Guarded by lock_. The waiters' slots are PollResults.
    WaitQueue queue;
    std::int64_t deadline_ns = kNoDeadline;
    // Guarded by deadline_lock_: its timer has been started once.
    bool timed = false;
    // Atomic: the two flags. Written under lock_, but for prepare(); kReady is set with release and
    // consumed with acquire.
    std::atomic<std::uint8_t> state{0};
  };

  static std::size_t index(PollMode mode) { return static_cast<std::size_t>(mode); }

  // The waiter's task, out of its slot, or null.
  Task* take(PollMode mode, PollResult result) TASKSCOPE_REQUIRES(lock_);
  Task* take_for_edge(PollMode mode) TASKSCOPE_REQUIRES(lock_);
  // Tells the kernel about the descriptor, once. Called and returns with lock_ held, but opens it
  // meanwhile.
  void ensure_registered() TASKSCOPE_REQUIRES(lock_);

  // Puts calls of set_deadline() in order. Taken before lock_; a firing timer does not take it.
  base::Lock deadline_lock_;
  base::Lock lock_;
  // Constant while in use.
  Poller* poller_ = nullptr;
  int fd_ = -1;

  Slot slots_[2];

  // Guarded by lock_.
  bool registered_ TASKSCOPE_GUARDED_BY(lock_) = false;
  bool closed_ TASKSCOPE_GUARDED_BY(lock_) = false;
  std::uint16_t generation_ TASKSCOPE_GUARDED_BY(lock_) = 0;

  // Guarded by the poller's lock.
  PollDesc* next_free_ = nullptr;

  // Atomic: written under lock_, relaxed: who reads it has just been told by a wait.
  std::atomic<int> failed_{0};
};

}  // namespace taskscope::sched
