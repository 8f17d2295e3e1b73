// Barrier: a fixed number of tasks wait for each other, again and again.
//
//   ts::Barrier step(kWorkers);
//   for (…) { compute(part); if (step.wait()) swap_grids(); step.wait(); }
//
// The wait of each round ends for all when the last of them has come. May be destroyed when the
// last round's waits have returned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/instrument/traced_object.h"
#include "runtime/sched/wait_queue.h"

namespace taskscope {

class Barrier {
 public:
  // Panics if `parties` is 0.
  explicit Barrier(std::size_t parties, Site site = Site::here())
      : Barrier(nullptr, parties, site) {}
  // With a name for traces; `name` must live for ever (a literal).
  Barrier(const char* name, std::size_t parties, Site site = Site::here());
  Barrier(const Barrier&) = delete;
  Barrier& operator=(const Barrier&) = delete;
  ~Barrier();

  // Waits until all parties have come. True for exactly one of them: the last.
  bool wait(Site site = Site::here());

  enum class Outcome : unsigned char { Passed, PassedLast, Cancelled };
  // The same; Cancelled if `context` is done first, or already: then the caller does not count as
  // having come.
  template <channel::Cancellable C>
  [[nodiscard]] Outcome wait(const C& context, Site site = Site::here()) {
    const channel::DoneChannel done = context.done_core();
    if (done != nullptr && done->closed()) return Outcome::Cancelled;
    return wait_unless(done, site);
  }

 private:
  Outcome wait_unless(channel::DoneChannel done, const Site& site);

  // Constant after construction.
  const std::size_t parties_;

  // Guarded by lock_.
  base::Lock lock_;
  std::size_t arrived_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  std::uint64_t round_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  sched::WaitQueue waiters_ TASKSCOPE_GUARDED_BY(lock_);
  instrument::TracedObject traced_;
};

}  // namespace taskscope
