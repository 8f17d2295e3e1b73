// FunctionTimer: a timer that runs a function; what after_func and time_after are made of.
//
// Counted: one reference is the handle's, one the pending timer's, one that of each task that runs
// the function. Any thread may call.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "runtime/base/lock.h"
#include "runtime/base/sanitizer.h"
#include "runtime/base/site.h"
#include "runtime/sched/timer.h"

namespace taskscope::time {

// `period_ns`, or a panic with `message` if it is not positive.
std::int64_t checked_period(std::int64_t period_ns, const char* message);

class FunctionTimerRef;

class FunctionTimer : private sched::Timer {
 public:
  FunctionTimer(const FunctionTimer&) = delete;
  FunctionTimer& operator=(const FunctionTimer&) = delete;

  // Pending until `deadline_ns`, then runs `function` in a task of its own.
  template <class F>
  static FunctionTimerRef start_task(std::int64_t deadline_ns, F&& function,
                                     const base::Site& site);
  // The same between two tasks: `function` must not wait. Nobody can stop it. `object`, which the
  // function keeps alive, is what it ends waits for.
  template <class F>
  static void start_detached(std::int64_t deadline_ns, F&& function,
                             instrument::TracedObject* object, const base::Site& site);

  bool stop();
  bool reset(std::int64_t deadline_ns);

  void drop_reference() {
    // Release: this reference's uses; acquire: all others' before the destruction.
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }

 protected:
  // One reference is the caller's.
  FunctionTimer(const sched::TimerType& its_type, instrument::TracedObject* object,
                const base::Site& site)
      : Timer(its_type), site_(site), object_(object) {}
  virtual ~FunctionTimer() = default;

 private:
  virtual void run() = 0;
  static void fire_as_task(Timer& timer);
  static void fire_here(Timer& timer);
  static sched::TimerOrigin origin(Timer& timer);
  static const sched::TimerType kTask;
  static const sched::TimerType kDetached;
  void start(std::int64_t deadline_ns);

  template <class F>
  class Of;

  // Constant after construction.
  const base::Site site_;
  instrument::TracedObject* const object_;  // null: none

  // Held while reset starts it again.
  base::Lock lock_;

  // Atomic: see drop_reference.
  std::atomic<std::uint32_t> references_{1};
};

template <class F>
class FunctionTimer::Of final : public FunctionTimer {
 public:
  template <class G>
  Of(const sched::TimerType& its_type, G&& function, instrument::TracedObject* object,
     const base::Site& site)
      : FunctionTimer(its_type, object, site), function_(std::forward<G>(function)) {}

 private:
  void run() override { static_cast<void>(function_()); }

  F function_;
};

// The handle's reference.
class FunctionTimerRef {
 public:
  FunctionTimerRef() = default;
  explicit FunctionTimerRef(FunctionTimer* timer) : timer_(timer) {}
  FunctionTimerRef(FunctionTimerRef&& other) noexcept
      : timer_(std::exchange(other.timer_, nullptr)) {}
  FunctionTimerRef& operator=(FunctionTimerRef&& other) noexcept {
    std::swap(timer_, other.timer_);
    return *this;
  }
  ~FunctionTimerRef() {
    if (timer_ != nullptr) timer_->drop_reference();
  }
  explicit operator bool() const { return timer_ != nullptr; }
  FunctionTimer* operator->() const { return timer_; }

 private:
  FunctionTimer* timer_ = nullptr;
};

template <class F>
FunctionTimerRef FunctionTimer::start_task(std::int64_t deadline_ns, F&& function,
                                           const base::Site& site) {
  FunctionTimerRef timer(new Of<std::decay_t<F>>(kTask, std::forward<F>(function), nullptr, site));
  // Its task has it, too, and may be left behind by the run.
  base::annotate_owned(timer.operator->());
  timer->start(deadline_ns);
  return timer;
}

template <class F>
void FunctionTimer::start_detached(std::int64_t deadline_ns, F&& function,
                                   instrument::TracedObject* object, const base::Site& site) {
  const FunctionTimerRef timer(
      new Of<std::decay_t<F>>(kDetached, std::forward<F>(function), object, site));
  // Until it fires it is the queue's, whose memory is gone when a run ends before.
  base::annotate_owned(timer.operator->());
  timer->start(deadline_ns);
}

}  // namespace taskscope::time
