// ChannelTimer: a timer that sends the time on a channel; what Timer and Ticker are made of.
//
// Shared by its handle and, while it is pending, the timer's function. After stop or reset no value
// of before is in the channel (Go 1.23). Any thread may call.
#pragma once

#include <atomic>
#include <cstdint>

#include "runtime/base/lock.h"
#include "runtime/channel/chan.h"
#include "runtime/sched/clock.h"
#include "runtime/sched/timer.h"

namespace taskscope::time {

class ChannelTimer : private sched::Timer {
 public:
  // Pending from now on; with `period_ns` 0 it fires once.
  ChannelTimer(std::int64_t deadline_ns, std::int64_t period_ns, const base::Site& site);
  ChannelTimer(const ChannelTimer&) = delete;
  ChannelTimer& operator=(const ChannelTimer&) = delete;
  // Stops it.
  ~ChannelTimer() { sched::stop_timer(*this); }

  // True if it was pending, or its value had not been received.
  bool stop();
  bool reset(std::int64_t deadline_ns, std::int64_t period_ns);

  const Chan<TimePoint>& chan() const { return chan_; }

 private:
  static const sched::TimerType kType;

  void send_time();

  // Constant after construction. One value fits: what nobody has received by the next is lost.
  const Chan<TimePoint> chan_;

  // Held while the timer goes from one state to another by stop and reset.
  base::Lock lock_;
};

}  // namespace taskscope::time
