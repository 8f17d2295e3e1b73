#include "runtime/sync/barrier.h"

#include "runtime/channel/selection.h"
#include "runtime/sched/fatal.h"

namespace taskscope {

Barrier::Barrier(const char* name, std::size_t parties, Site site)
    : parties_(parties), traced_(trace_format::ObjectKind::Barrier, site, 0, name) {
  if (parties == 0) sched::panic("barrier of no parties");
}

Barrier::~Barrier() { sched::trace_object_end(traced_); }

bool Barrier::wait(Site site) { return wait_unless(nullptr, site) == Outcome::PassedLast; }

Barrier::Outcome Barrier::wait_unless(channel::DoneChannel done,
                                      const Site& site) TASKSCOPE_NO_ANALYSIS {
  lock_.lock();
  if (++arrived_ == parties_) {
    sched::Waiter* const waiters = waiters_.pop_all();
    arrived_ = 0;
    ++round_;
    lock_.unlock();
    sched::ready_all(waiters);
    return Outcome::PassedLast;
  }
  sched::Waiter self{.task = sched::current_task_for("barrier wait")};
  const std::uint64_t round = round_;
  waiters_.push(self);
  if (channel::park_unless(
          done, {.reason = trace_format::BlockReason::Barrier, .object = &traced_, .site = site},
          lock_, waiters_, self)) {
    return Outcome::Passed;
  }
  // If the round is over, this task was counted as having come.
  const bool passed = round_ != round;
  if (!passed) --arrived_;
  lock_.unlock();
  sched::throw_if_unwound();
  return passed ? Outcome::Passed : Outcome::Cancelled;
}

}  // namespace taskscope
