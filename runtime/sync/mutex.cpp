#include "runtime/sync/mutex.h"

#include "runtime/base/clock.h"
#include "runtime/channel/selection.h"
#include "runtime/sched/fatal.h"

namespace taskscope {
namespace {

// Who has waited longer makes the mutex starving.
constexpr std::int64_t kStarvingNs = 1'000'000;

}  // namespace

struct Mutex::Waiting : sched::Waiter {
  std::int64_t since_ns = 0;
};

Mutex::~Mutex() { sched::trace_object_end(traced_); }

// Sets kLocked and clears `also_clear`, if `state` is free and still the state.
bool Mutex::take(std::uint32_t state, std::uint32_t also_clear) {
  // Acquire pairs with the release of whoever unlocks.
  return (state & (kLocked | kStarving)) == 0 &&
         state_.compare_exchange_strong(state, (state & ~also_clear) | kLocked,
                                        std::memory_order_acquire, std::memory_order_relaxed);
}

bool Mutex::try_lock_contended() { return take(state_.load(std::memory_order_relaxed), 0); }

bool Mutex::lock_contended(channel::DoneChannel done, const char* file, const char* function,
                           std::uint32_t line) TASKSCOPE_NO_ANALYSIS {
  Waiting self;
  std::uint32_t woken = 0;  // kWoken while this task is the one that was woken
  for (;;) {
    if (take(state_.load(std::memory_order_relaxed), woken)) return true;
    if (self.task == nullptr) self.task = sched::current_task_for("mutex lock");
    const std::int64_t now = base::monotonic_ns();
    if (self.since_ns == 0) self.since_ns = now;
    lock_.lock();
    if (take_or_announce(woken, now - self.since_ns > kStarvingNs ? kStarving : 0)) {
      lock_.unlock();
      return true;
    }
    self.claim = nullptr;
    // A woken task that came too late has waited its turn already.
    woken != 0 ? waiters_.push_front(self) : waiters_.push(self);
    if (!channel::park_unless(done,
                              {.reason = trace_format::BlockReason::Mutex,
                               .object = &traced_,
                               .site = {file, function, line}},
                              lock_, waiters_, self)) {
      if (waiters_.empty()) {
        state_.fetch_and(~(kWaiters | kStarving), std::memory_order_relaxed);
      }
      lock_.unlock();
      return false;
    }
    if (self.success) return true;  // handed over, locked as it is
    woken = kWoken;
  }
}

// In one step, so that whoever has the mutex either has unlocked it before or sees kWaiters when he
// does. True: it was taken.
bool Mutex::take_or_announce(std::uint32_t woken, std::uint32_t starving) {
  std::uint32_t state = state_.load(std::memory_order_relaxed);
  for (;;) {
    if ((state & kLocked) == 0) {
      if (take(state, woken)) return true;
      state = state_.load(std::memory_order_relaxed);
    } else if (state_.compare_exchange_weak(state, (state & ~woken) | kWaiters | starving,
                                            std::memory_order_relaxed)) {
      return false;
    }
  }
}

void Mutex::unlock_contended(std::uint32_t state) TASKSCOPE_NO_ANALYSIS {
  if ((state & kLocked) == 0) sched::panic("unlock of unlocked mutex");
  while ((state & kWaiters) == 0 || (state & (kWoken | kStarving)) == kWoken) {
    // Nobody to be woken. After this the mutex may be gone.
    if (state_.compare_exchange_weak(state, state & ~kLocked, std::memory_order_release,
                                     std::memory_order_relaxed)) {
      return;
    }
  }
  lock_.lock();
  // While it is locked and lock_ is held nobody else changes the state.
  state = state_.load(std::memory_order_relaxed);
  auto* const waiter = static_cast<Waiting*>(waiters_.pop());
  sched::Task* const task = waiter == nullptr ? nullptr : waiter->task;
  if (waiters_.empty()) state &= ~kWaiters;
  if (waiter == nullptr) {
    state &= ~(kLocked | kStarving);
  } else if ((state & kStarving) != 0) {
    waiter->success = true;
    const bool over = base::monotonic_ns() - waiter->since_ns <= kStarvingNs;
    if (over || (state & kWaiters) == 0) state &= ~kStarving;
  } else {
    state = (state & ~kLocked) | kWoken;
  }
  // Release pairs with the acquire in take(); a new owner by hand-over is ordered by ready().
  state_.store(state, std::memory_order_release);
  lock_.unlock();
  if (task != nullptr) sched::ready(task);
}

}  // namespace taskscope
