#include "runtime/time/channel_timer.h"

namespace taskscope::time {

// One with a period is told of as a ticker.
constexpr sched::TimerType ChannelTimer::kType{
    .fire = [](Timer& timer) { static_cast<ChannelTimer&>(timer).send_time(); },
    .kind = trace_format::TimerKind::Timer,
    .origin =
        [](Timer& timer) {
          instrument::TracedObject& object =
              static_cast<ChannelTimer&>(timer).chan_.ref().get()->traced();
          return sched::TimerOrigin{.site = object.made_at(), .object = &object};
        }};

ChannelTimer::ChannelTimer(std::int64_t deadline_ns, std::int64_t period_ns, const base::Site& site)
    : Timer(kType), chan_(channel::make_part<TimePoint>(trace_format::ObjectKind::Timer, 1, site)) {
  sched::start_timer(*this, deadline_ns, period_ns);
}

void ChannelTimer::send_time() { static_cast<void>(chan_.try_send(now())); }

bool ChannelTimer::stop() {
  const base::LockGuard guard(lock_);
  const bool pending = sched::stop_timer(*this);
  return chan_.try_recv().has_value() || pending;
}

bool ChannelTimer::reset(std::int64_t deadline_ns, std::int64_t period_ns) {
  // Pending and firing once: it has not fired since it was started with an empty channel.
  if (period_ns == 0 && sched::move_timer(*this, deadline_ns)) return true;
  const base::LockGuard guard(lock_);
  const bool pending = sched::stop_timer(*this);
  const bool unread = chan_.try_recv().has_value();
  sched::start_timer(*this, deadline_ns, period_ns);
  return pending || unread;
}

}  // namespace taskscope::time
