// ts::Timer, ts::Ticker, ts::time_after, ts::after_func: Go's timers.
//
//   ts::Timer idle(std::chrono::seconds(30));
//   while (ts::select(ts::recv(requests, request), ts::recv(idle.c(), when)) == 0) {
//     serve(*request);
//     idle.reset(std::chrono::seconds(30));
//   }
//
//   ts::Ticker ticker(10ms);
//   if (std::optional<ts::TimePoint> tick = ticker.c().recv()) draw(*tick);
//   ticker.reset(1s);
//   ticker.stop();
//
//   ts::FuncTimer alarm = ts::after_func(5s, [] { log("five seconds are over"); });
//   ts::time_after(1s).recv();
//   if (alarm.stop()) log("there was no alarm");
//
// They go by the run's clock (ts::now) and need an active run. Starting, stopping and resetting one
// costs tens of nanoseconds, and millions may be pending. Nothing fires early; a timer that fires
// late, because every worker is busy, does not make the next one later. Any thread may call; a
// handle belongs to one task at a time like any value.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include "runtime/base/site.h"
#include "runtime/channel/chan.h"
#include "runtime/sched/clock.h"
#include "runtime/time/channel_timer.h"
#include "runtime/time/function_timer.h"

namespace taskscope {

// Sends the time on its channel, once, when its duration has passed. Movable. Its end stops it.
class Timer {
 public:
  template <class Rep, class Period>
  explicit Timer(std::chrono::duration<Rep, Period> duration, Site site = Site::here())
      : timer_(std::make_unique<time::ChannelTimer>(sched::deadline_after(sched::to_ns(duration)),
                                                    0, site)) {}

  // Where the time arrives. It stays open when the timer is stopped. Its len() and cap() are 0.
  Receiver<TimePoint> c() const { return timer_->chan(); }

  // True if this call has stopped it before its value was received. No value will be received
  // afterwards.
  bool stop() { return timer_->stop(); }

  // Fires `duration` from now, and no value of before will be received. True if it was pending, or
  // its value had not been received.
  template <class Rep, class Period>
  bool reset(std::chrono::duration<Rep, Period> duration) {
    return timer_->reset(sched::deadline_after(sched::to_ns(duration)), 0);
  }

 private:
  std::unique_ptr<time::ChannelTimer> timer_;
};

// Sends the time on its channel at every multiple of its period, counted from its start: it does
// not drift. Ticks that nobody is ready for are dropped. Movable. Its end stops it.
class Ticker {
 public:
  // Panics if the period is not positive.
  template <class Rep, class Period>
  explicit Ticker(std::chrono::duration<Rep, Period> period, Site site = Site::here())
      : Ticker(time::checked_period(sched::to_ns(period), "non-positive interval for Ticker"),
               site) {}

  Receiver<TimePoint> c() const { return timer_->chan(); }

  // No more ticks. The channel stays open.
  void stop() { timer_->stop(); }

  // Ticks every `period`, the next one that long from now. Panics if it is not positive.
  template <class Rep, class Period>
  void reset(std::chrono::duration<Rep, Period> period) {
    const std::int64_t period_ns =
        time::checked_period(sched::to_ns(period), "non-positive interval for Ticker::reset");
    timer_->reset(sched::deadline_after(period_ns), period_ns);
  }

 private:
  Ticker(std::int64_t period_ns, const Site& site)
      : timer_(std::make_unique<time::ChannelTimer>(sched::deadline_after(period_ns), period_ns,
                                                    site)) {}

  std::unique_ptr<time::ChannelTimer> timer_;
};

// A channel that gets the time once, `duration` from now: Go's time.After. The timer is pending
// until then even if nobody receives; a Timer can be stopped. In ts::select, ts::after is cheaper.
template <class Rep, class Period>
Receiver<TimePoint> time_after(std::chrono::duration<Rep, Period> duration,
                               Site site = Site::here()) {
  const auto chan = channel::make_part<TimePoint>(trace_format::ObjectKind::Timer, 1, site);
  time::FunctionTimer::start_detached(
      sched::deadline_after(sched::to_ns(duration)),
      [chan] { static_cast<void>(chan.try_send(now())); }, &chan.ref().get()->traced(), site);
  return chan;
}

// A function that after_func will run. Movable. Its end changes nothing.
class FuncTimer {
 public:
  FuncTimer() = default;
  explicit FuncTimer(time::FunctionTimerRef timer) : timer_(std::move(timer)) {}

  // True if this call has kept the function from running; false if it was started or stopped
  // before. Does not wait for it.
  bool stop() { return timer_ && timer_->stop(); }

  // Runs the function `duration` from now, perhaps once more. True if it was pending.
  template <class Rep, class Period>
  bool reset(std::chrono::duration<Rep, Period> duration) {
    return timer_ && timer_->reset(sched::deadline_after(sched::to_ns(duration)));
  }

 private:
  time::FunctionTimerRef timer_;
};

// Runs `function` in a task of its own, `duration` from now. There is also an after_func that waits
// for a context (context.h).
template <class Rep, class Period, class F>
requires(std::is_invocable_v<std::decay_t<F>&>) FuncTimer
    after_func(std::chrono::duration<Rep, Period> duration, F&& function,
               Site site = Site::here()) {
  return FuncTimer(time::FunctionTimer::start_task(sched::deadline_after(sched::to_ns(duration)),
                                                   std::forward<F>(function), site));
}

}  // namespace taskscope
