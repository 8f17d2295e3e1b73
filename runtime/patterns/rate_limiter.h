// RateLimiter: so many events a second, and so many at once. A token bucket with the meaning of
// Go's golang.org/x/time/rate.
//
//   ts::RateLimiter limiter(ts::RateLimit::per_second(100), 20);  // 20 at once, then 100 a second
//   for (const Request& request : requests) {
//     if (!limiter.wait(ctx)) break;  // waits for its turn; an error if ctx is done first
//     forward(request);
//   }
//
//   limiter.set_limit(ts::RateLimit::every(50ms));  // 20 a second; unlimited() lets all through
//   limiter.set_burst(5);
//   if (!limiter.allow()) log("dropped, with " + std::to_string(limiter.tokens()) + " tokens");
//   ts::Reservation turn = limiter.reserve(2);  // taken now, to be acted on later
//   if (turn.ok() && turn.delay() > 1s) turn.cancel();
//   if (!limiter.limit().is_unlimited()) log(std::to_string(limiter.limit().events_per_second()));
//   if (limiter.limit() == ts::RateLimit::unlimited()) log(std::to_string(limiter.burst()));
//
// A bucket holds up to `burst` tokens and is full at first; tokens flow in at the rate of the limit
// and every event takes one. allow() asks whether there are tokens now, wait() waits for them,
// reserve() takes them and says how long to wait before acting. Who waits first is served first,
// because a reservation takes its tokens at once, even those that are still to come. Goes by the
// run's clock.
//
// Owned by the program, shared by reference. Any thread may call everything but wait(), which is
// for tasks. Asking for less than 0 tokens panics.
//
// Invariants (under lock_): tokens_ <= burst_; it is negative by what has been reserved in advance.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

#include "runtime/base/lock.h"
#include "runtime/base/result.h"
#include "runtime/base/site.h"
#include "runtime/context/context.h"
#include "runtime/sched/clock.h"

namespace taskscope {

// How many events a second. Zero lets the burst through and nothing more.
class RateLimit {
 public:
  static constexpr RateLimit per_second(double events) { return RateLimit(events); }
  // One event each `interval`; no limit if that is not positive.
  template <class Rep, class Period>
  static constexpr RateLimit every(std::chrono::duration<Rep, Period> interval) {
    const double seconds = std::chrono::duration<double>(interval).count();
    return seconds > 0 ? RateLimit(1 / seconds) : unlimited();
  }
  static constexpr RateLimit unlimited() {
    return RateLimit(std::numeric_limits<double>::infinity());
  }

  constexpr double events_per_second() const { return events_per_second_; }
  constexpr bool is_unlimited() const {
    return events_per_second_ == std::numeric_limits<double>::infinity();
  }
  friend constexpr bool operator==(RateLimit, RateLimit) = default;

 private:
  explicit constexpr RateLimit(double events) : events_per_second_(events > 0 ? events : 0) {}

  double events_per_second_;
};

class RateLimiter;

// Tokens that were taken, perhaps before they are there. A value; must not outlive its limiter.
class [[nodiscard]] Reservation {
 public:
  Reservation() = default;

  // False: the limiter can never give that many at once. Nothing was taken.
  bool ok() const { return ok_; }
  // How long to wait before acting; 0 if it may be done now, the longest duration if never.
  std::chrono::nanoseconds delay() const;
  // It will not be done: gives back the tokens that no later reservation builds on, if the moment
  // to act is still to come. A second call does nothing.
  void cancel();

 private:
  friend class RateLimiter;

  RateLimiter* limiter_ = nullptr;
  double tokens_ = 0;
  std::int64_t act_ns_ = 0;
  RateLimit limit_ = RateLimit::unlimited();  // when it was made
  bool ok_ = false;
};

class RateLimiter {
 public:
  // `burst` is how many tokens the bucket holds.
  RateLimiter(RateLimit limit, std::int64_t burst) : limit_(limit), burst_(burst) {}
  RateLimiter(const RateLimiter&) = delete;
  RateLimiter& operator=(const RateLimiter&) = delete;

  // Takes `tokens` if they are there now.
  bool allow(std::int64_t tokens = 1);
  // Takes them now or in advance.
  Reservation reserve(std::int64_t tokens = 1);
  // Takes them and waits until they are there. Fails, and takes none, if they are more than the
  // burst (Other), if they would come after the deadline of `context` (Timeout, at once), or if
  // that is done first (Cancelled, Timeout).
  Result<void> wait(const Context& context, std::int64_t tokens = 1, Site site = Site::here());

  // For what is asked from now on; those who wait already keep their moment.
  void set_limit(RateLimit limit);
  void set_burst(std::int64_t burst);

  RateLimit limit() const;
  std::int64_t burst() const;
  // What is in the bucket now; negative: what is owed to reservations.
  double tokens() const;

 private:
  friend class Reservation;

  Reservation take(std::int64_t tokens, std::int64_t now_ns, std::int64_t delay_max_ns);
  double tokens_at(std::int64_t now_ns) const TASKSCOPE_REQUIRES(lock_);
  void refill(std::int64_t now_ns) TASKSCOPE_REQUIRES(lock_);
  void give_back(const Reservation& reservation);

  // Guarded by lock_.
  mutable base::Lock lock_;
  RateLimit limit_ TASKSCOPE_GUARDED_BY(lock_);
  std::int64_t burst_ TASKSCOPE_GUARDED_BY(lock_);
  double tokens_ TASKSCOPE_GUARDED_BY(lock_) = 0;    // at updated_ns_
  bool filled_ TASKSCOPE_GUARDED_BY(lock_) = false;  // false: nobody has asked yet, it is full
  std::int64_t updated_ns_ TASKSCOPE_GUARDED_BY(lock_) = 0;
  std::int64_t last_act_ns_ TASKSCOPE_GUARDED_BY(lock_) = 0;  // of the latest reservation
};

}  // namespace taskscope
