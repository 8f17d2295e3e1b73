#include "runtime/channel/selection.h"

#include <algorithm>
#include <functional>

#include "runtime/sched/timer.h"

namespace taskscope::channel {
namespace {

using trace_format::ArmOperation;

// Below this an insertion is faster than a sort.
constexpr std::size_t kInsertionMax = 16;

// Ends a selection's wait at its deadline.
struct Timeout : sched::Timer {
  explicit Timeout(sched::Claim& shared) : Timer(kType), claim(shared) {
    waiter.task = sched::current_task();
  }

  // The gate is held until the task has left its stack. After ready() this object may be gone.
  static void expire(sched::Timer& timer) TASKSCOPE_NO_ANALYSIS {
    auto& self = static_cast<Timeout&>(timer);
    self.gate.lock();
    sched::Task* const task = self.claim.take(self.waiter) ? self.waiter.task : nullptr;
    self.gate.unlock();
    if (task != nullptr) sched::ready(task);
  }
  static sched::TimerOrigin origin(sched::Timer& timer) {
    return {.task = static_cast<Timeout&>(timer).waiter.task->id};
  }
  static constexpr sched::TimerType kType{
      .fire = expire, .kind = trace_format::TimerKind::Select, .origin = origin};

  base::Lock gate;
  sched::Claim& claim;
  sched::Waiter waiter;
};

bool before(const Arm* a, const Arm* b) { return std::less<>()(a->chan, b->chan); }

}  // namespace

Selection::Selection(const SelectionRoom& room)
    : arms_(room.arms), order_(room.order), locks_(room.locks), count_(room.count) {
  for (std::size_t i = 0; i < count_; ++i) {
    Arm* const arm = &arms_[i];
    if (arm->chan == nullptr) continue;
    std::size_t at = enabled_++;
    if (count_ <= kInsertionMax) {
      for (; at > 0 && before(arm, order_[at - 1]); --at) order_[at] = order_[at - 1];
    }
    order_[at] = arm;
  }
  if (count_ > kInsertionMax) std::sort(order_, order_ + enabled_, before);
}

void Selection::lock_all() TASKSCOPE_NO_ANALYSIS {
  const ChanCore* last = nullptr;
  channels_ = 0;
  for (std::size_t i = 0; i < enabled_; ++i) {
    ChanCore* const chan = order_[i]->chan;
    if (chan == last) continue;
    last = chan;
    chan->lock_.lock();
    locks_[++channels_] = &chan->lock_;
  }
}

void Selection::unlock_all() TASKSCOPE_NO_ANALYSIS {
  for (std::size_t i = 1; i <= channels_; ++i) locks_[i]->unlock();
}

std::uint32_t Selection::random(std::uint32_t below) TASKSCOPE_NO_ANALYSIS {
  // A linear congruential generator modulo 2^32 (Knuth's constants), whose high bits are used.
  std::uint32_t& state = order_[0]->chan->random_;
  state = state * 1'664'525u + 1'013'904'223u;
  return static_cast<std::uint32_t>((std::uint64_t{state} * below) >> 32);
}

bool Selection::ready(const Arm& arm) TASKSCOPE_NO_ANALYSIS {
  ChanCore& chan = *arm.chan;
  if (chan.closed_.load(std::memory_order_relaxed)) return true;
  if (arm.direction == Direction::Recv) {
    return chan.count_ > 0 || chan.senders_.front_waiting() != nullptr;
  }
  return chan.count_ < chan.capacity_ || chan.receivers_.front_waiting() != nullptr;
}

bool Selection::carry_out(Arm& arm, sched::Task*& woken) TASKSCOPE_NO_ANALYSIS {
  if (arm.direction == Direction::Recv) {
    const RecvStatus status = arm.chan->recv_now(arm.slot, woken);
    arm.success = status == RecvStatus::Value;
    return status != RecvStatus::WouldWait;
  }
  const ChanCore::SendStatus status = arm.chan->send_now(arm.slot, woken);
  arm.success = status == ChanCore::SendStatus::Sent;
  return status != ChanCore::SendStatus::WouldWait;
}

std::size_t Selection::take_ready(sched::Task*& woken) {
  for (;;) {
    Arm* chosen = nullptr;
    std::uint32_t seen = 0;
    for (std::size_t i = 0; i < enabled_; ++i) {
      if (!ready(*order_[i])) continue;
      // The n-th ready arm replaces the one kept with probability 1/n: all have the same chance.
      if (++seen == 1 || random(seen) == 0) chosen = order_[i];
    }
    if (chosen == nullptr) return kNone;
    // The one that waited there may have been taken by another of its own arms in between.
    if (carry_out(*chosen, woken)) return index_of(*chosen);
  }
}

std::size_t Selection::try_now() {
  sched::Task* woken = nullptr;
  lock_all();
  const std::size_t chosen = take_ready(woken);
  unlock_all();
  if (woken != nullptr) sched::ready(woken);
  return chosen;
}

std::size_t Selection::wait(const sched::WaitSpec& wait) TASKSCOPE_NO_ANALYSIS {
  sched::Task* woken = nullptr;
  lock_all();
  const std::size_t chosen = take_ready(woken);
  if (chosen != kNone) {
    unlock_all();
    if (woken != nullptr) sched::ready(woken);
    return chosen;
  }
  sched::Claim claim;
  enter_queues(claim);
  if (enabled_ == 0) sched::park_for_ever(wait);
  sched::HeldLocks held{.first = locks_ + 1, .count = channels_};
  sched::park(wait, held, {next_arm, this});
  const std::size_t ended_by = leave_queues(claim);
  if (ended_by == kNone) sched::throw_if_unwound();
  return wait.object != nullptr ? ended_by : tell(ended_by);
}

std::size_t Selection::wait_until(const sched::WaitSpec& wait,
                                  std::int64_t deadline_ns) TASKSCOPE_NO_ANALYSIS {
  sched::Task* woken = nullptr;
  lock_all();
  const std::size_t chosen = take_ready(woken);
  if (chosen != kNone) {
    unlock_all();
    if (woken != nullptr) sched::ready(woken);
    return chosen;
  }
  sched::Claim claim;
  enter_queues(claim);
  Timeout timeout(claim);
  // The first to be opened: when the task comes back from a channel, it has been.
  locks_[0] = &timeout.gate;
  timeout.gate.lock();
  sched::start_timer(timeout, deadline_ns);
  sched::HeldLocks held{.first = locks_, .count = channels_ + 1};
  sched::park(wait, held, {next_arm_or_timeout, this});
  if (claim.winner() != &timeout.waiter) sched::stop_timer(timeout);
  return tell(leave_queues(claim));
}

// In the order in which they were written.
std::size_t Selection::next_arm(const void* select, std::size_t from, sched::WaitArm& arm) {
  const auto& self = *static_cast<const Selection*>(select);
  while (from < self.count_ && self.arms_[from].chan == nullptr) ++from;
  if (from >= self.count_) return 0;
  arm = told_as(self.arms_[from]);
  return from + 1;
}

sched::WaitArm Selection::told_as(const Arm& arm) {
  return {.operation = arm.direction == Direction::Recv ? ArmOperation::Recv : ArmOperation::Send,
          .object = &arm.chan->traced_};
}

std::size_t Selection::tell(std::size_t chosen) const {
  sched::trace_chosen(chosen == kNone ? sched::WaitArm{.operation = ArmOperation::After}
                                      : told_as(arms_[chosen]));
  return chosen;
}

std::size_t Selection::next_arm_or_timeout(const void* select, std::size_t from,
                                           sched::WaitArm& arm) {
  if (const std::size_t next = next_arm(select, from, arm); next != 0) return next;
  const std::size_t count = static_cast<const Selection*>(select)->count_;
  if (from > count) return 0;
  arm = {.operation = ArmOperation::After};
  return count + 1;
}

void Selection::enter_queues(sched::Claim& claim) TASKSCOPE_NO_ANALYSIS {
  sched::Task* const self = sched::current_task_for("select");
  for (std::size_t i = 0; i < enabled_; ++i) {
    Arm& arm = *order_[i];
    arm.waiter.task = self;
    arm.waiter.slot = arm.slot;
    arm.waiter.claim = &claim;
    (arm.direction == Direction::Recv ? arm.chan->receivers_ : arm.chan->senders_).push(arm.waiter);
  }
}

std::size_t Selection::leave_queues(const sched::Claim& claim) TASKSCOPE_NO_ANALYSIS {
  Arm* winner = nullptr;
  for (std::size_t i = 0; i < enabled_; ++i) {
    if (&order_[i]->waiter == claim.winner()) winner = order_[i];
  }
  // Every channel but the winner's is locked once more, as park() demands; the waker had the
  // winner's.
  for (std::size_t i = 0; i < enabled_;) {
    ChanCore& chan = *order_[i]->chan;
    const bool alone = i + 1 == enabled_ || order_[i + 1]->chan != &chan;
    if (alone && order_[i] == winner) {
      ++i;
      continue;
    }
    const base::LockGuard guard(chan.lock_);
    for (; i < enabled_ && order_[i]->chan == &chan; ++i) {
      (order_[i]->direction == Direction::Recv ? chan.receivers_ : chan.senders_)
          .remove(order_[i]->waiter);
    }
  }
  if (winner == nullptr) return kNone;
  winner->success = winner->waiter.success;
  return index_of(*winner);
}

bool park_unless(DoneChannel done, const sched::WaitSpec& wait, base::Lock& lock,
                 sched::WaitQueue& queue, sched::Waiter& self) TASKSCOPE_NO_ANALYSIS {
  if (done == nullptr) {
    sched::park(wait, lock);
    if (!sched::is_unwound()) return true;
    lock.lock();
    queue.remove(self);
    return false;
  }
  return DoneWait(*done).park(wait, lock, queue, self);
}

std::size_t DoneWait::next_arm(const void* wait, std::size_t from, sched::WaitArm& arm) {
  if (from != 0) return 0;
  arm = {.operation = ArmOperation::Recv,
         .object = &static_cast<const DoneWait*>(wait)->done_.traced_};
  return 1;
}

bool DoneWait::park(const sched::WaitSpec& wait, base::Lock& lock, sched::WaitQueue& queue,
                    sched::Waiter& self) TASKSCOPE_NO_ANALYSIS {
  done_.lock_.lock();
  if (done_.closed()) {
    done_.lock_.unlock();
    queue.remove(self);
    return false;
  }
  sched::Claim claim;
  queue.share(self, claim);
  sched::Waiter other{.task = self.task, .claim = &claim};
  done_.receivers_.push(other);
  base::Lock* const locks[] = {&lock, &done_.lock_};
  sched::HeldLocks held{.first = locks, .count = 2};
  sched::park(wait, held, {next_arm, this});
  if (claim.winner() == &self) {
    const base::LockGuard guard(done_.lock_);
    done_.receivers_.remove(other);
    return true;
  }
  if (claim.winner() == nullptr) {
    const base::LockGuard guard(done_.lock_);
    done_.receivers_.remove(other);
  }
  lock.lock();
  queue.remove(self);
  return false;
}

}  // namespace taskscope::channel
