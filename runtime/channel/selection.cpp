#include "runtime/channel/selection.h"

#include <algorithm>
#include <functional>

namespace taskscope::channel {
namespace {

// Below this an insertion is faster than a sort.
constexpr std::size_t kInsertionMax = 16;

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
    locks_[channels_++] = &chan->lock_;
  }
}

void Selection::unlock_all() TASKSCOPE_NO_ANALYSIS {
  for (std::size_t i = 0; i < channels_; ++i) locks_[i]->unlock();
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
  sched::Task* const self = sched::current_task_for("select");
  if (enabled_ == 0) sched::park_for_ever(wait);
  sched::Claim claim;
  for (std::size_t i = 0; i < enabled_; ++i) {
    Arm& arm = *order_[i];
    arm.waiter.task = self;
    arm.waiter.slot = arm.slot;
    arm.waiter.claim = &claim;
    (arm.direction == Direction::Recv ? arm.chan->receivers_ : arm.chan->senders_).push(arm.waiter);
  }
  sched::HeldLocks held{.first = locks_, .count = channels_};
  sched::park(wait, held);
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
  winner->success = winner->waiter.success;
  return index_of(*winner);
}

}  // namespace taskscope::channel
