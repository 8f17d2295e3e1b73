#include "runtime/patterns/circuit_breaker.h"

#include "runtime/sched/fatal.h"
#include "runtime/sched/timer.h"

namespace taskscope {

CircuitBreaker::CircuitBreaker(const CircuitBreakerOptions& options) : options_(options) {
  if (options.failures_max == 0 || options.probes == 0) {
    sched::panic("CircuitBreaker needs failures_max and probes of at least 1");
  }
}

std::optional<CircuitBreaker::Permit> CircuitBreaker::enter() {
  const base::LockGuard guard(lock_);
  if (trial_due()) become(CircuitState::HalfOpen);
  switch (state_) {
    case CircuitState::Closed:
      return Permit(this, period_);
    case CircuitState::Open:
      return std::nullopt;
    case CircuitState::HalfOpen:
      break;
  }
  if (probing_ + proved_ >= options_.probes) return std::nullopt;
  ++probing_;
  return Permit(this, period_);
}

CircuitState CircuitBreaker::state() const {
  const base::LockGuard guard(lock_);
  return trial_due() ? CircuitState::HalfOpen : state_;
}

bool CircuitBreaker::trial_due() const {
  return state_ == CircuitState::Open && sched::now_ns() - opened_ns_ >= options_.open_for.count();
}

void CircuitBreaker::become(CircuitState state) {
  state_ = state;
  ++period_;
  failures_ = probing_ = proved_ = 0;
  if (state == CircuitState::Open) opened_ns_ = sched::now_ns();
}

void CircuitBreaker::count(Permit::Outcome outcome, std::uint64_t period) {
  const base::LockGuard guard(lock_);
  if (period != period_) return;  // the circuit has changed since: what it was told is old
  if (state_ == CircuitState::HalfOpen) --probing_;
  switch (outcome) {
    case Permit::Outcome::None:
      break;
    case Permit::Outcome::Success:
      failures_ = 0;
      if (state_ == CircuitState::HalfOpen && ++proved_ == options_.probes) {
        become(CircuitState::Closed);
      }
      break;
    case Permit::Outcome::Failure:
      if (state_ == CircuitState::HalfOpen || ++failures_ == options_.failures_max) {
        become(CircuitState::Open);
      }
      break;
  }
}

std::string CircuitBreaker::refusal() const {
  return std::string("the circuit breaker of ") + options_.name +
         " is open after failures; try again later";
}

}  // namespace taskscope
