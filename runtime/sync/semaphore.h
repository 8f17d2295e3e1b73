// Semaphore: hands out a fixed number of permits, several at a time if asked for. Go's
// golang.org/x/sync/semaphore.
//
//   ts::Semaphore memory_mib("memory", 512);
//   if (!memory_mib.acquire(ctx, 64)) return;  // ctx was done first
//   load_tables();
//   memory_mib.release(64);  // semaphore_guard.h does that at the end of a block
//   if (!memory_mib.try_acquire(64)) log(std::to_string(memory_mib.available()) + " MiB are left");
//   log("of " + std::to_string(memory_mib.permits()));
//
// First come, first served: a large request at the head of the queue is not starved by small ones
// behind it. A request for more than there are in all waits, with nobody behind it, until its
// context is done; without one it panics.
#pragma once

#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope {

class Semaphore {
 public:
  explicit Semaphore(std::int64_t permits, Site site = Site::here())
      : Semaphore(nullptr, permits, site) {}
  // With a name for traces; `name` must live for ever (a literal).
  Semaphore(const char* name, std::int64_t permits, Site site = Site::here())
      : permits_(permits), traced_(trace_format::ObjectKind::Semaphore, site, 0, name) {}
  Semaphore(const Semaphore&) = delete;
  Semaphore& operator=(const Semaphore&) = delete;
  ~Semaphore();

  void acquire(std::int64_t count = 1, Site site = Site::here()) {
    static_cast<void>(acquire_unless(nullptr, count, site));
  }
  // The same, but false, and nothing is taken, if `context` is done first, or already.
  template <channel::Cancellable C>
  [[nodiscard]] bool acquire(const C& context, std::int64_t count = 1, Site site = Site::here()) {
    const channel::DoneChannel done = context.done_core();
    if (done != nullptr && done->closed()) return false;
    return acquire_unless(done, count, site);
  }
  // False, and nothing is taken, if it would have to wait.
  [[nodiscard]] bool try_acquire(std::int64_t count = 1);

  // Panics if more is released than was acquired. Any thread.
  void release(std::int64_t count = 1);

  // Permits that are not taken now.
  std::int64_t available() const;
  std::int64_t permits() const { return permits_; }

 private:
  struct Request;

  bool acquire_unless(channel::DoneChannel done, std::int64_t count, const Site& site);
  // Grants what the requests at the head can have; returns them as a list to be readied.
  sched::Waiter* grant() TASKSCOPE_REQUIRES(lock_);

  // Constant after construction.
  const std::int64_t permits_;

  // Guarded by lock_.
  mutable base::Lock lock_;
  std::int64_t taken_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  sched::WaitQueue requests_ TASKSCOPE_GUARDED_BY(lock_);
  instrument::TracedObject traced_;
};

}  // namespace taskscope
