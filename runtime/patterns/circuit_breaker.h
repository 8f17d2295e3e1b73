// CircuitBreaker: stops asking somebody who fails all the time, and tries again later.
//
//   ts::CircuitBreaker breaker({.name = "billing", .failures_max = 5, .open_for = 30s});
//   ts::Result<Invoice> invoice = breaker.call([&] { return billing.fetch(id); });
//   if (breaker.state() == ts::CircuitState::Open) log("billing is not asked now");
//   try {
//     breaker.call([] { load_tables(); });
//   } catch (const ts::BreakerOpen& open) {
//     log(open.what());
//   }
//
// A function fails by an exception or, if it returns a Result<T>, by one without a value. While the
// circuit is open nothing is called: call() throws BreakerOpen, or returns an Error. A Result whose
// error is Cancelled says nothing of the other side and is not counted.
//
// Where the outcome is known elsewhere:
//
//   if (std::optional<ts::CircuitBreaker::Permit> permit = breaker.enter()) {
//     if (send(request)) permit->succeed();  // a permit that ends without it counts as a failure
//   }
//   if (std::optional<ts::CircuitBreaker::Permit> permit = breaker.enter()) {
//     send(request) ? permit->fail() : permit->forget();  // forget: as if it had not been asked
//   }
//
// Owned by the program, shared by reference. Any thread may call; the run's clock decides.
//
// States (state_, under lock_; an outcome counts only in the period in which its call began):
//
//   from     → to        when
//   Closed   → Open      failures_max failures without a success in between
//   Open     → HalfOpen  open_for has passed and somebody enters
//   HalfOpen → Closed    `probes` calls have succeeded; no more than that many are let through
//   HalfOpen → Open      one call has failed
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "runtime/base/lock.h"
#include "runtime/base/result.h"
#include "runtime/patterns/failure.h"

namespace taskscope {

struct CircuitBreakerOptions {
  const char* name = "service";  // for messages; lives for ever (a literal)
  std::uint32_t failures_max = 5;
  std::chrono::nanoseconds open_for = std::chrono::seconds(30);
  std::uint32_t probes = 1;
};

enum class CircuitState : std::uint8_t { Closed, Open, HalfOpen };

// What call() throws while the circuit is open.
class BreakerOpen : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class CircuitBreaker {
 public:
  // One call that was let through. Ends, at the latest with its life, in one of three ways.
  class [[nodiscard]] Permit {
   public:
    Permit(Permit&& other) noexcept
        : breaker_(std::exchange(other.breaker_, nullptr)), period_(other.period_) {}
    Permit& operator=(Permit&&) = delete;
    ~Permit() { fail(); }

    void succeed() { end(Outcome::Success); }
    void fail() { end(Outcome::Failure); }
    // As if the call had not been made.
    void forget() { end(Outcome::None); }

   private:
    friend class CircuitBreaker;
    enum class Outcome : std::uint8_t { None, Success, Failure };
    Permit(CircuitBreaker* breaker, std::uint64_t period) : breaker_(breaker), period_(period) {}
    void end(Outcome outcome) {
      if (breaker_ != nullptr) std::exchange(breaker_, nullptr)->count(outcome, period_);
    }

    CircuitBreaker* breaker_;
    std::uint64_t period_;
  };

  // Panics if failures_max or probes is 0.
  explicit CircuitBreaker(const CircuitBreakerOptions& options = {});
  CircuitBreaker(const CircuitBreaker&) = delete;
  CircuitBreaker& operator=(const CircuitBreaker&) = delete;

  // Calls `function` if the circuit lets it, and counts how that ended.
  template <class F>
  auto call(F&& function) {
    using Outcome = decltype(function());
    std::optional<Permit> permit = enter();
    if constexpr (patterns::kIsResult<Outcome>) {
      if (!permit) return Outcome(Error{.message = refusal()});
      Outcome outcome = function();
      if (outcome) {
        permit->succeed();
      } else if (outcome.error().kind == ErrorKind::Cancelled) {
        permit->forget();
      }
      return outcome;
    } else {
      if (!permit) throw BreakerOpen(refusal());
      if constexpr (std::is_void_v<Outcome>) {
        function();
        permit->succeed();
      } else {
        Outcome outcome = function();
        permit->succeed();
        return outcome;
      }
    }
  }

  // nullopt: the circuit is open, or half open and tried by others.
  std::optional<Permit> enter();

  // HalfOpen as soon as the time for a trial has come.
  CircuitState state() const;

 private:
  bool trial_due() const TASKSCOPE_REQUIRES(lock_);
  void become(CircuitState state) TASKSCOPE_REQUIRES(lock_);
  void count(Permit::Outcome outcome, std::uint64_t period);
  std::string refusal() const;

  // Constant after construction.
  const CircuitBreakerOptions options_;

  // Guarded by lock_.
  mutable base::Lock lock_;
  CircuitState state_ TASKSCOPE_GUARDED_BY(lock_) = CircuitState::Closed;
  std::uint64_t period_ TASKSCOPE_GUARDED_BY(lock_) = 0;    // numbers the states
  std::uint32_t failures_ TASKSCOPE_GUARDED_BY(lock_) = 0;  // Closed: in a row
  std::uint32_t probing_ TASKSCOPE_GUARDED_BY(lock_) = 0;   // HalfOpen: let through, not ended
  std::uint32_t proved_ TASKSCOPE_GUARDED_BY(lock_) = 0;    // HalfOpen: ended well
  std::int64_t opened_ns_ TASKSCOPE_GUARDED_BY(lock_) = 0;
};

}  // namespace taskscope
