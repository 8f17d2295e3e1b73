#include "runtime/sched/timers.h"

#include <sched.h>

#include <algorithm>

#include "runtime/base/check.h"
#include "runtime/base/clock.h"
#include "runtime/base/sanitizer.h"
#include "runtime/base/spin.h"
#include "runtime/sched/manual_clock.h"
#include "runtime/sched/park.h"

namespace taskscope::sched {
namespace {

// Firing takes well under a microsecond, unless its thread has lost its processor meanwhile.
constexpr int kPausesBeforeYield = 100;

}  // namespace

Timers::Timers(std::uint32_t queues_max, ManualClock* clock)
    : clock_(clock), places_(new std::unique_ptr<Place>[queues_max]) {}

void Timers::add_queue() {
  const std::uint32_t next = count();
  places_[next] = std::make_unique<Place>();
  count_.store(next + 1, std::memory_order_release);
}

std::int64_t Timers::now_ns() const {
  return clock_ == nullptr ? base::monotonic_ns() : clock_->now_ns();
}

bool Timers::stand_still() const {
  const bool by_hand = clock_ != nullptr && clock_->moves() == ManualClock::Moves::ByHand;
  return by_hand || earliest_ns() == kNever;
}

void Timers::start(Timer& timer, std::uint32_t worker, std::int64_t deadline_ns,
                   std::int64_t period_ns) {
  forget_earlier_run(timer);
  TimerQueue& queue = places_[worker]->queue;
  const base::LockGuard guard(queue.lock());
  TASKSCOPE_DCHECK(timer.home_.load(std::memory_order_relaxed) == nullptr);
  queue.add(timer, deadline_ns, period_ns);
}

void Timers::forget_earlier_run(Timer& timer) {
  const std::uint32_t run = current_run();
  if (timer.run_ == run) return;
  timer.run_ = run;
  timer.deadline_ns_.store(Timer::kFixed, std::memory_order_relaxed);
  timer.home_.store(nullptr, std::memory_order_relaxed);
  timer.fired_by_.store(nullptr, std::memory_order_relaxed);
}

// The locked queue in which the timer is pending, or null.
TimerQueue* Timers::lock_home(Timer& timer) TASKSCOPE_NO_ANALYSIS {
  for (;;) {
    // Acquire pairs with the releases in TimerQueue: whoever sees that it was taken sees by whom.
    TimerQueue* const home = timer.home_.load(std::memory_order_acquire);
    if (home == nullptr) return nullptr;
    home->lock().lock();
    if (timer.home_.load(std::memory_order_relaxed) == home) return home;
    home->lock().unlock();
  }
}

bool Timers::take_back(Timer& timer) {
  if (timer.run_ == current_run()) return false;
  const bool pending = timer.home_.load(std::memory_order_relaxed) != nullptr;
  forget_earlier_run(timer);
  return pending;
}

bool Timers::stop(Timer& timer, bool wait) TASKSCOPE_NO_ANALYSIS {
  if (take_back(timer)) return true;
  TimerQueue* const home = lock_home(timer);
  if (home != nullptr) {
    home->remove(timer);
    home->lock().unlock();
  }
  const FiringSlot* const slot = timer.fired_by_.load(std::memory_order_relaxed);
  if (!wait || slot == nullptr) return home != nullptr;
  // Acquire pairs with the release in fire_queue(): what `fire` did is done.
  for (int i = 0; slot->timer.load(std::memory_order_acquire) == &timer; ++i) {
    i < kPausesBeforeYield ? base::spin_pause() : static_cast<void>(sched_yield());
  }
  base::annotate_acquire(&timer);
  return home != nullptr;
}

bool Timers::move(Timer& timer, std::int64_t deadline_ns,
                  std::int64_t period_ns) TASKSCOPE_NO_ANALYSIS {
  forget_earlier_run(timer);
  TimerQueue* const home = lock_home(timer);
  if (home == nullptr) return false;
  home->move(timer, deadline_ns, period_ns);
  home->lock().unlock();
  return true;
}

std::int64_t Timers::earliest_ns() const {
  std::int64_t earliest = kNever;
  const std::uint32_t all = count();
  for (std::uint32_t i = 0; i < all; ++i) {
    earliest = std::min(earliest, places_[i]->queue.earliest_ns());
  }
  return earliest;
}

std::size_t Timers::fire(std::uint32_t worker, std::uint32_t from, std::uint32_t to,
                         instrument::Lane* lane) {
  const std::int64_t now = now_ns();
  std::size_t fired = 0;
  for (std::uint32_t i = from; i < to; ++i) {
    if (places_[i]->queue.earliest_ns() <= now)
      fired += fire_queue(places_[i]->queue, places_[worker]->slot, now, lane);
  }
  return fired;
}

std::size_t Timers::fire_queue(TimerQueue& queue, FiringSlot& slot, std::int64_t now_ns,
                               instrument::Lane* lane) TASKSCOPE_NO_ANALYSIS {
  std::size_t fired = 0;
  queue.lock().lock();
  if (lane != nullptr) {
    if (const std::size_t due = queue.count_due(now_ns); due != 0) lane->timer_fire(due);
  }
  while (Timer* timer = queue.take_due(now_ns, slot)) {
    queue.lock().unlock();
    timer->type->fire(*timer);
    base::annotate_release(timer);
    // Release pairs with the acquire in stop(). The timer itself may be gone.
    slot.timer.store(nullptr, std::memory_order_release);
    ++fired;
    queue.lock().lock();
  }
  queue.lock().unlock();
  return fired;
}

}  // namespace taskscope::sched
