#include "runtime/patterns/rate_limiter.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "runtime/patterns/failure.h"
#include "runtime/sched/fatal.h"

namespace taskscope {
namespace {

constexpr std::int64_t kForEver = std::numeric_limits<std::int64_t>::max();
constexpr double kNsPerSecond = 1e9;

double tokens_in(RateLimit limit, std::int64_t duration_ns) {
  return static_cast<double>(duration_ns) * limit.events_per_second() / kNsPerSecond;
}

// Rounded up, so that nothing happens too early.
std::int64_t time_for(RateLimit limit, double tokens) {
  const double ns = std::ceil(tokens * kNsPerSecond / limit.events_per_second());
  return ns < 9e18 ? static_cast<std::int64_t>(ns) : kForEver;  // also for 0 events a second
}

std::int64_t later(std::int64_t now_ns, std::int64_t duration_ns) {
  return duration_ns < kForEver - now_ns ? now_ns + duration_ns : kForEver;
}

void check_tokens(std::int64_t tokens) {
  if (tokens < 0) sched::panic("RateLimiter asked for a negative number of tokens");
}

}  // namespace

// ---- Reservation --------------------------------------------------------------------------------

std::chrono::nanoseconds Reservation::delay() const {
  if (!ok_ || act_ns_ == kForEver) return std::chrono::nanoseconds::max();
  return std::chrono::nanoseconds(std::max<std::int64_t>(0, act_ns_ - sched::now_ns()));
}

void Reservation::cancel() {
  if (!ok_ || tokens_ == 0) return;
  limiter_->give_back(*this);
  tokens_ = 0;
}

// ---- RateLimiter --------------------------------------------------------------------------------

bool RateLimiter::allow(std::int64_t tokens) {
  check_tokens(tokens);
  return take(tokens, sched::now_ns(), 0).ok();
}

Reservation RateLimiter::reserve(std::int64_t tokens) {
  check_tokens(tokens);
  return take(tokens, sched::now_ns(), kForEver);
}

Result<void> RateLimiter::wait(const Context& context, std::int64_t tokens, Site site) {
  check_tokens(tokens);
  if (context.err()) return patterns::done_error(context, "waiting for a rate limiter");
  const std::int64_t now_ns = sched::now_ns();
  std::int64_t delay_max_ns = kForEver;
  if (const std::optional<TimePoint> deadline = context.deadline()) {
    delay_max_ns = std::max<std::int64_t>(0, deadline->time_since_epoch().count() - now_ns);
  }
  Reservation reservation = take(tokens, now_ns, delay_max_ns);
  if (!reservation.ok()) {
    const std::int64_t burst_now = burst();
    if (tokens > burst_now) {
      return Error{.message = std::to_string(tokens) +
                              " tokens at once are more than the burst of " +
                              std::to_string(burst_now) +
                              " that this rate limiter has; ask for fewer or raise the burst"};
    }
    return Error{.message = "the rate limiter's next token would come after the deadline",
                 .kind = ErrorKind::Timeout};
  }
  if (reservation.act_ns_ <= now_ns) return {};
  if (sleep(context, std::chrono::nanoseconds(reservation.act_ns_ - now_ns), site)) return {};
  reservation.cancel();
  return patterns::done_error(context, "waiting for a rate limiter");
}

void RateLimiter::set_limit(RateLimit limit) {
  const base::LockGuard guard(lock_);
  refill(sched::now_ns());
  limit_ = limit;
}

void RateLimiter::set_burst(std::int64_t burst) {
  const base::LockGuard guard(lock_);
  refill(sched::now_ns());
  burst_ = burst;
  tokens_ = std::min(tokens_, static_cast<double>(burst));
}

RateLimit RateLimiter::limit() const {
  const base::LockGuard guard(lock_);
  return limit_;
}

std::int64_t RateLimiter::burst() const {
  const base::LockGuard guard(lock_);
  return burst_;
}

double RateLimiter::tokens() const {
  const base::LockGuard guard(lock_);
  return tokens_at(sched::now_ns());
}

double RateLimiter::tokens_at(std::int64_t now_ns) const {
  const double full = static_cast<double>(burst_);
  if (!filled_ || limit_.is_unlimited()) return full;
  const std::int64_t elapsed_ns = std::max<std::int64_t>(0, now_ns - updated_ns_);
  return std::min(full, tokens_ + tokens_in(limit_, elapsed_ns));
}

void RateLimiter::refill(std::int64_t now_ns) {
  tokens_ = tokens_at(now_ns);
  updated_ns_ = now_ns;
  filled_ = true;
}

Reservation RateLimiter::take(std::int64_t tokens, std::int64_t now_ns, std::int64_t delay_max_ns) {
  Reservation result;
  result.limiter_ = this;
  result.act_ns_ = now_ns;
  const base::LockGuard guard(lock_);
  if (limit_.is_unlimited()) {
    result.ok_ = true;
    return result;
  }
  if (tokens > burst_) return result;
  const double left = tokens_at(now_ns) - static_cast<double>(tokens);
  const std::int64_t delay_ns = left < 0 ? time_for(limit_, -left) : 0;
  if (delay_ns > delay_max_ns || delay_ns == kForEver) return result;
  refill(now_ns);
  tokens_ = left;
  result.ok_ = true;
  result.limit_ = limit_;
  result.tokens_ = static_cast<double>(tokens);
  result.act_ns_ = last_act_ns_ = later(now_ns, delay_ns);
  return result;
}

void RateLimiter::give_back(const Reservation& reservation) {
  const std::int64_t now_ns = sched::now_ns();
  const base::LockGuard guard(lock_);
  if (limit_.is_unlimited() || reservation.act_ns_ <= now_ns) return;
  // Those who came later wait until last_act_ns_ in the belief that these tokens are gone.
  const double built_on = tokens_in(reservation.limit_, last_act_ns_ - reservation.act_ns_);
  const double restored = reservation.tokens_ - built_on;
  if (restored <= 0) return;
  refill(now_ns);
  tokens_ = std::min(static_cast<double>(burst_), tokens_ + restored);
  if (reservation.act_ns_ == last_act_ns_) {
    // The one before it, if its moment is still to come, is the latest now.
    const std::int64_t before_ns =
        reservation.act_ns_ - time_for(reservation.limit_, reservation.tokens_);
    last_act_ns_ = std::max(before_ns, now_ns);
  }
}

}  // namespace taskscope
