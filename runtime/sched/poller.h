// Poller: tells which descriptors have become readable or writable, with one epoll instance per
// run.
//
// Nobody polls for a living: a worker with nothing to run asks without waiting, and one of the idle
// workers sleeps in the kernel's wait instead of on its futex. It can be interrupted there. Events
// are edge-triggered; what to do with them is PollDesc's.
//
// Owned by the Scheduler; any thread may call. Opened when the first descriptor has to be waited
// for, so that a run without any has no descriptors of its own.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <vector>

#include "runtime/base/lock.h"
#include "runtime/sched/poll_desc.h"

namespace taskscope::sched {

// Tasks whose wait has ended, as a list by `link`, in the order of their events.
struct PolledTasks {
  Task* first = nullptr;
  std::uint32_t count = 0;
};

class Poller {
 public:
  static constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::max();

  Poller() = default;
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

  // A place to wait for `fd`, which does not block and is the caller's.
  PollDesc* acquire(int fd);
  // Events for it are over. Before `fd` is closed. REQUIRES: no task waits.
  void retire(PollDesc* desc);
  // Then it may be used for another descriptor.
  void release(PollDesc* desc);

  // Waits until something is ready, interrupt() is called, or `timeout_ns` have passed; zero does
  // not wait. The tasks are the caller's to make ready. At most one thread may wait.
  PolledTasks poll(std::int64_t timeout_ns);

  // Ends the wait of the thread in poll(), or of the next to wait there.
  void interrupt();

  // Tasks wait for descriptors: it makes sense to poll, and silence is not
  // a deadlock. Seq_cst: a worker looks after it has entered the idle list, a task that begins to
  // wait looks at the idle list afterwards.
  bool active() const { return waiters_.load(std::memory_order_seq_cst) != 0; }
  void add_waiter() { waiters_.fetch_add(1, std::memory_order_seq_cst); }
  void remove_waiter() { waiters_.fetch_sub(1, std::memory_order_relaxed); }

  // The one idle worker that sleeps in poll(). False if there is one already.
  bool begin_sleep() { return !sleeps_.exchange(true, std::memory_order_seq_cst); }
  void end_sleep() { sleeps_.store(false, std::memory_order_seq_cst); }
  bool someone_sleeps() const { return sleeps_.load(std::memory_order_seq_cst); }

 private:
  friend class PollDesc;

  static constexpr std::size_t kChunk = 64;

  // Registers it; returns 0 or errno.
  int add(int fd, PollDesc& desc, std::uint16_t generation);
  int open();
  int wait_for_events(epoll_event* events, int room, std::int64_t timeout_ns);
  static void handle(const epoll_event& event, PolledTasks& tasks, Task*** end);

  // Guarded by lock_.
  base::Lock lock_;
  PollDesc* free_ TASKSCOPE_GUARDED_BY(lock_) = nullptr;
  std::vector<std::unique_ptr<PollDesc[]>> chunks_ TASKSCOPE_GUARDED_BY(lock_);

  // Atomic: -1 until opened, then constant; release and acquire.
  std::atomic<int> epoll_{-1};
  std::atomic<int> event_{-1};
  // Atomic: see active() and begin_sleep().
  alignas(64) std::atomic<std::uint32_t> waiters_{0};
  std::atomic<bool> sleeps_{false};
  // Atomic: an interrupt is on its way; keeps a second one from costing a system call.
  std::atomic<bool> interrupted_{false};
};

// The poller of the run that the calling task belongs to. On any other thread the program ends with
// a message: descriptors are opened by tasks.
Poller& current_poller();

}  // namespace taskscope::sched
