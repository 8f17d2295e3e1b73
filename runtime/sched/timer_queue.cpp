#include "runtime/sched/timer_queue.h"

#include <algorithm>

#include "runtime/base/check.h"

namespace taskscope::sched {
namespace {

constexpr std::size_t kChildren = 4;  // half the levels of a binary heap, in as many cache lines

}  // namespace

void TimerQueue::set(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns) {
  timer.period_ns_ = period_ns;
  timer.order_ = next_order_++;
  timer.deadline_ns_.store(period_ns == 0 ? deadline_ns : Timer::kFixed, std::memory_order_relaxed);
}

void TimerQueue::add(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns) {
  set(timer, deadline_ns, period_ns);
  timer.told_in_ = telling_;  // it begins now: there is nothing to tell
  heap_.emplace_back();
  sift_up(heap_.size() - 1, {deadline_ns, &timer});
  // Release pairs with the acquire in Timers::lock_home().
  timer.home_.store(this, std::memory_order_release);
  publish_earliest();
}

void TimerQueue::remove(Timer& timer) {
  timer.deadline_ns_.store(Timer::kFixed, std::memory_order_relaxed);
  take_out(timer);
  timer.home_.store(nullptr, std::memory_order_release);
  publish_earliest();
}

void TimerQueue::move(Timer& timer, std::int64_t deadline_ns, std::int64_t period_ns) {
  set(timer, deadline_ns, period_ns);
  sift(timer.place_, {deadline_ns, &timer});
  publish_earliest();
}

Timer* TimerQueue::take_due(std::int64_t now_ns, FiringSlot& slot) {
  while (!heap_.empty() && heap_.front().deadline_ns <= now_ns) {
    Timer* const timer = heap_.front().timer;
    if (take_first(now_ns, slot)) return timer;
  }
  return nullptr;
}

bool TimerQueue::take_first(std::int64_t now_ns, FiringSlot& slot) {
  const auto [deadline_ns, first] = heap_.front();
  Timer& timer = *first;
  const bool periodic = timer.period_ns_ != 0;
  if (!periodic) {
    std::int64_t deadline = timer.deadline_ns_.load(std::memory_order_relaxed);
    if (deadline > now_ns || !timer.deadline_ns_.compare_exchange_strong(
                                 deadline, Timer::kFixed, std::memory_order_relaxed)) {
      sift_down(0, {deadline, first});  // it has been put off
      publish_earliest();
      return false;
    }
  }
  // Another worker may still be at the last period: this one counts as missed.
  const FiringSlot* const last = timer.fired_by_.load(std::memory_order_relaxed);
  const bool busy =
      periodic && last != nullptr && last->timer.load(std::memory_order_relaxed) == first;
  if (!busy) {
    timer.fired_by_.store(&slot, std::memory_order_relaxed);
    slot.timer.store(first, std::memory_order_relaxed);
  }
  if (periodic) {
    const std::int64_t missed = (now_ns - deadline_ns) / timer.period_ns_;
    move(timer, deadline_ns + (missed + 1) * timer.period_ns_, timer.period_ns_);
  } else {
    remove(timer);
  }
  return !busy;
}

std::size_t TimerQueue::count_due(std::int64_t now_ns) const TASKSCOPE_NO_ANALYSIS {
  // Only the due part of the heap is looked at: below a timer that is not due nothing is.
  std::size_t count = 0;
  const auto visit = [&](const auto& self, std::size_t place) -> void {
    if (place >= heap_.size() || heap_[place].deadline_ns > now_ns) return;
    ++count;
    for (std::size_t child = 1; child <= kChildren; ++child) self(self, kChildren * place + child);
  };
  visit(visit, 0);
  return count;
}

void TimerQueue::put(std::size_t place, const Entry& entry) {
  heap_[place] = entry;
  entry.timer->place_ = place;
  if (place < told_below_ && entry.timer->told_in_ != telling_) [[unlikely]] {
    entry.timer->told_in_ = telling_;
    overtaken_.push_back(entry.timer);
  }
}

void TimerQueue::sift_up(std::size_t place, const Entry& entry) {
  while (place > 0) {
    const std::size_t parent = (place - 1) / kChildren;
    if (!before(entry, heap_[parent])) break;
    put(place, heap_[parent]);
    place = parent;
  }
  put(place, entry);
}

void TimerQueue::sift_down(std::size_t place, const Entry& entry) {
  for (;;) {
    const std::size_t first = kChildren * place + 1;
    if (first >= heap_.size()) break;
    std::size_t least = first;
    const std::size_t end = std::min(first + kChildren, heap_.size());
    for (std::size_t child = first + 1; child < end; ++child) {
      if (before(heap_[child], heap_[least])) least = child;
    }
    if (!before(heap_[least], entry)) break;
    put(place, heap_[least]);
    place = least;
  }
  put(place, entry);
}

void TimerQueue::sift(std::size_t place, const Entry& entry) {
  if (place > 0 && before(entry, heap_[(place - 1) / kChildren])) return sift_up(place, entry);
  sift_down(place, entry);
}

void TimerQueue::take_out(Timer& timer) {
  const std::size_t place = timer.place_;
  TASKSCOPE_CHECK(place < heap_.size() && heap_[place].timer == &timer);
  const Entry last = heap_.back();
  heap_.pop_back();
  if (place < heap_.size()) sift(place, last);
  if (!overtaken_.empty()) [[unlikely]]
    std::erase(overtaken_, &timer);
}

void TimerQueue::begin_telling() {
  end_telling();
  ++telling_;
}

void TimerQueue::end_telling() {
  told_below_ = 0;
  overtaken_.clear();
}

Timer* TimerQueue::next_untold() {
  while (told_below_ < heap_.size()) {
    Timer* const timer = heap_[told_below_++].timer;
    if (timer->told_in_ == telling_) continue;
    timer->told_in_ = telling_;
    return timer;
  }
  if (overtaken_.empty()) {
    told_below_ = 0;
    return nullptr;
  }
  Timer* const timer = overtaken_.back();
  overtaken_.pop_back();
  return timer;
}

std::int64_t TimerQueue::due_ns(const Timer& timer) const {
  return timer.period_ns_ == 0 ? timer.deadline_ns_.load(std::memory_order_relaxed)
                               : heap_[timer.place_].deadline_ns;
}

void TimerQueue::publish_earliest() {
  const std::int64_t earliest = heap_.empty() ? kNever : heap_.front().deadline_ns;
  if (earliest != earliest_ns_.load(std::memory_order_relaxed)) {
    earliest_ns_.store(earliest, std::memory_order_seq_cst);
  }
}

}  // namespace taskscope::sched
