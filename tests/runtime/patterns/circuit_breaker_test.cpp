// The circuit breaker's states, with the test's clock.
#include "runtime/patterns/circuit_breaker.h"

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class CircuitBreakerTest : public RuntimeTest {
 protected:
  ManualClock clock_;
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(CircuitBreakerTest);

const CircuitBreakerOptions kOptions{
    .name = "billing", .failures_max = 3, .open_for = seconds(10), .probes = 2};

Result<int> works() { return 7; }
Result<int> breaks() { return Error{.message = "down"}; }
Result<int> is_cancelled() { return Error{.message = "gone", .kind = ErrorKind::Cancelled}; }

void open(CircuitBreaker& breaker) {
  for (std::uint32_t i = 0; i < kOptions.failures_max; ++i) static_cast<void>(breaker.call(breaks));
  ASSERT_EQ(breaker.state(), CircuitState::Open);
}

TEST_P(CircuitBreakerTest, OpensAfterFailuresInARowAndThenCallsNothing) {
  run(
      [] {
        CircuitBreaker breaker(kOptions);
        EXPECT_EQ(*breaker.call(works), 7);
        static_cast<void>(breaker.call(breaks));
        static_cast<void>(breaker.call(breaks));
        EXPECT_TRUE(breaker.call(works));  // not in a row any more
        static_cast<void>(breaker.call(breaks));
        static_cast<void>(breaker.call(breaks));
        EXPECT_EQ(breaker.state(), CircuitState::Closed);
        EXPECT_EQ(breaker.call(breaks).error().message, "down");
        EXPECT_EQ(breaker.state(), CircuitState::Open);
        int calls = 0;
        const Result<int> refused = breaker.call([&]() -> Result<int> { return ++calls; });
        EXPECT_EQ(refused.error().message,
                  "the circuit breaker of billing is open after failures; try again later");
        EXPECT_THROW(breaker.call([&] { ++calls; }), BreakerOpen);
        EXPECT_EQ(calls, 0);
      },
      &clock_);
}

TEST_P(CircuitBreakerTest, ExceptionsAreFailuresAndPassThrough) {
  run(
      [] {
        CircuitBreaker breaker({.failures_max = 1});
        EXPECT_THROW(breaker.call([] { throw std::logic_error("no"); }), std::logic_error);
        EXPECT_EQ(breaker.state(), CircuitState::Open);
      },
      &clock_);
}

TEST_P(CircuitBreakerTest, ClosesWhenAllProbesSucceed) {
  run(
      [] {
        CircuitBreaker breaker(kOptions);
        open(breaker);
        sleep(milliseconds(9'999));
        EXPECT_EQ(breaker.state(), CircuitState::Open);
        EXPECT_FALSE(breaker.enter());
        sleep(milliseconds(1));
        EXPECT_EQ(breaker.state(), CircuitState::HalfOpen);
        EXPECT_TRUE(breaker.call(works));
        EXPECT_EQ(breaker.state(), CircuitState::HalfOpen);
        EXPECT_TRUE(breaker.call(works));
        EXPECT_EQ(breaker.state(), CircuitState::Closed);
      },
      &clock_);
}

TEST_P(CircuitBreakerTest, OneFailedProbeOpensItForAsLongAgain) {
  run(
      [] {
        CircuitBreaker breaker(kOptions);
        open(breaker);
        sleep(seconds(10));
        EXPECT_TRUE(breaker.call(works));
        static_cast<void>(breaker.call(breaks));
        EXPECT_EQ(breaker.state(), CircuitState::Open);
        sleep(milliseconds(9'999));
        EXPECT_FALSE(breaker.enter());
        sleep(milliseconds(1));
        EXPECT_TRUE(breaker.enter());
      },
      &clock_);
}

TEST_P(CircuitBreakerTest, HalfOpenItLetsNoMoreThanItsProbesThrough) {
  run(
      [] {
        CircuitBreaker breaker(kOptions);
        open(breaker);
        sleep(seconds(10));
        std::atomic<int> entered{0};
        std::atomic<int> refused{0};
        auto end = make_chan<Unit>();
        WaitGroup group;
        for (int i = 0; i < 20; ++i) {
          group.go([&, end] {
            std::optional<CircuitBreaker::Permit> permit = breaker.enter();
            ++(permit ? entered : refused);
            end.recv();
            if (permit) permit->succeed();
          });
        }
        while (entered + refused < 20) yield();
        EXPECT_EQ(entered, 2);
        end.close();
        group.wait();
        EXPECT_EQ(breaker.state(), CircuitState::Closed);
      },
      &clock_);
}

TEST_P(CircuitBreakerTest, APermitThatEndsWithoutAWordIsAFailure) {
  run(
      [] {
        CircuitBreaker breaker({.failures_max = 1});
        { const auto permit = breaker.enter(); }
        EXPECT_EQ(breaker.state(), CircuitState::Open);
      },
      &clock_);
}

TEST_P(CircuitBreakerTest, WhatIsForgottenOrCancelledDoesNotCount) {
  run(
      [] {
        CircuitBreaker breaker({.failures_max = 1, .open_for = seconds(1)});
        EXPECT_FALSE(breaker.call(is_cancelled));
        breaker.enter()->forget();
        EXPECT_EQ(breaker.state(), CircuitState::Closed);
        static_cast<void>(breaker.call(breaks));
        sleep(seconds(1));
        breaker.enter()->forget();  // makes room for another probe
        EXPECT_EQ(breaker.state(), CircuitState::HalfOpen);
        EXPECT_TRUE(breaker.call(works));
        EXPECT_EQ(breaker.state(), CircuitState::Closed);
      },
      &clock_);
}

TEST_P(CircuitBreakerTest, AnOutcomeOfAnEarlierPeriodDoesNotCount) {
  run(
      [] {
        CircuitBreaker breaker({.failures_max = 1, .open_for = seconds(1)});
        auto old_good = breaker.enter();
        auto old_bad = breaker.enter();
        static_cast<void>(breaker.call(breaks));
        old_good->succeed();
        EXPECT_EQ(breaker.state(), CircuitState::Open);
        sleep(seconds(1));
        EXPECT_TRUE(breaker.call(works));
        EXPECT_EQ(breaker.state(), CircuitState::Closed);
        old_bad->fail();
        EXPECT_EQ(breaker.state(), CircuitState::Closed);
      },
      &clock_);
}

TEST(CircuitBreakerOptions, OfNothingPanic) {
  const std::string message = "CircuitBreaker needs failures_max and probes of at least 1";
  EXPECT_EQ(panic_of([] { CircuitBreaker({.failures_max = 0}); }), message);
  EXPECT_EQ(panic_of([] { CircuitBreaker({.probes = 0}); }), message);
}

}  // namespace
}  // namespace taskscope::test
