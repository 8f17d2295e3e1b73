// Backoff and retry: how often, when, and with which outcome. The clock is the test's.
#include "runtime/patterns/retry.h"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

class RetryTest : public RuntimeTest {
 protected:
  ManualClock clock_;
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(RetryTest);

// Waits 1, 2, 4 and from then on 5 seconds.
constexpr BackoffOptions kExact{.first = seconds(1), .max = seconds(5), .jitter = 0};

std::runtime_error failure(std::uint32_t number) {
  return std::runtime_error("failure " + std::to_string(number));
}

template <class F>
std::string thrown_by(F function) {
  try {
    function();
  } catch (const std::exception& exception) {
    return exception.what();
  }
  return "nothing";
}

TEST(Backoff, GrowsByItsFactorUpToTheMaximum) {
  Backoff backoff(kExact);
  for (const int expected : {1, 2, 4, 5, 5, 5}) EXPECT_EQ(backoff.next(), seconds(expected));
  backoff.reset();
  EXPECT_EQ(backoff.next(), seconds(1));
}

TEST(Backoff, StaysAtTheMaximumForEver) {
  Backoff backoff({.first = nanoseconds(1), .max = nanoseconds::max(), .factor = 1e9, .jitter = 0});
  for (int i = 0; i < 1000; ++i) EXPECT_GT(backoff.next(), nanoseconds(0));
}

TEST(Backoff, JitterTakesAwayNoMoreThanItsPart) {
  const std::uint64_t seed = 7;
  Backoff backoff({.first = seconds(1), .max = seconds(1), .jitter = 0.25, .seed = seed});
  nanoseconds least = nanoseconds::max();
  nanoseconds most{0};
  for (int i = 0; i < 1000; ++i) {
    const nanoseconds delay = backoff.next();
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, milliseconds(750)) << "seed " << seed;
  EXPECT_LT(least, milliseconds(760)) << "seed " << seed;
  EXPECT_LE(most, seconds(1)) << "seed " << seed;
  EXPECT_GT(most, milliseconds(990)) << "seed " << seed;
}

TEST(Backoff, TheSameSeedGivesTheSameDelays) {
  Backoff first({.seed = 42});
  Backoff second({.seed = 42});
  Backoff third({.seed = 43});
  bool differs = false;
  for (int i = 0; i < 20; ++i) {
    const nanoseconds delay = first.next();
    EXPECT_EQ(delay, second.next());
    differs |= delay != third.next();
  }
  EXPECT_TRUE(differs);
}

TEST(Backoff, OptionsThatMakeNoSensePanic) {
  const std::string message =
      "Backoff needs delays of at least 0, a factor of at least 1 and a jitter between 0 and 1";
  EXPECT_EQ(panic_of([] { Backoff({.first = seconds(-1)}); }), message);
  EXPECT_EQ(panic_of([] { Backoff({.max = seconds(-1)}); }), message);
  EXPECT_EQ(panic_of([] { Backoff({.factor = 0.5}); }), message);
  EXPECT_EQ(panic_of([] { Backoff({.jitter = 1.5}); }), message);
}

TEST_P(RetryTest, CallsUntilTheFunctionSucceedsAndWaitsInBetween) {
  run(
      [] {
        std::vector<TimePoint> calls;
        const std::string answer =
            retry(background(), {.backoff = kExact}, [&](Attempt& attempt) -> std::string {
              calls.push_back(now());
              EXPECT_EQ(attempt.number(), calls.size());
              if (calls.size() < 4) throw failure(attempt.number());
              return "yes";
            });
        EXPECT_EQ(answer, "yes");
        EXPECT_EQ(calls, (std::vector<TimePoint>{TimePoint(), TimePoint(seconds(1)),
                                                 TimePoint(seconds(3)), TimePoint(seconds(7))}));
      },
      &clock_);
}

TEST_P(RetryTest, AFunctionThatSucceedsIsCalledOnce) {
  run(
      [] {
        int calls = 0;
        retry(background(), {}, [&] { ++calls; });
        EXPECT_EQ(calls, 1);
        EXPECT_EQ(*retry(background(), {}, [] { return std::make_unique<int>(5); }), 5);
        EXPECT_EQ(now(), TimePoint());
      },
      &clock_);
}

TEST_P(RetryTest, GivesUpAfterTheLastAttemptWithItsFailure) {
  run(
      [] {
        const RetryOptions options{.attempts_max = 3, .backoff = kExact};
        EXPECT_EQ(thrown_by([&] {
                    retry(background(), options,
                          [](Attempt& attempt) { throw failure(attempt.number()); });
                  }),
                  "failure 3");
        EXPECT_EQ(now(), TimePoint(seconds(3)));
      },
      &clock_);
}

TEST_P(RetryTest, APermanentFailureIsNotTriedAgain) {
  run(
      [] {
        EXPECT_EQ(thrown_by([&] {
                    retry(background(), {.backoff = kExact}, [](Attempt& attempt) {
                      if (attempt.number() == 2) attempt.stop();
                      throw failure(attempt.number());
                    });
                  }),
                  "failure 2");
        EXPECT_EQ(now(), TimePoint(seconds(1)));
      },
      &clock_);
}

TEST_P(RetryTest, APanicIsNotTriedAgain) {
  run(
      [] {
        int calls = 0;
        EXPECT_EQ(panic_of([&] {
                    retry(background(), {}, [&] {
                      ++calls;
                      Chan<int>().close();
                    });
                  }),
                  "close of nil channel");
        EXPECT_EQ(calls, 1);
      },
      &clock_);
}

TEST_P(RetryTest, AResultWithoutAValueIsAFailureToo) {
  run(
      [] {
        std::uint32_t calls = 0;
        const auto ask = [&](Attempt& attempt) -> Result<int> {
          calls = attempt.number();
          if (calls < 3) return Error{.message = "busy"};
          return 9;
        };
        EXPECT_EQ(*retry(background(), {.backoff = kExact}, ask), 9);
        EXPECT_EQ(calls, 3u);
        EXPECT_EQ(retry(background(), {.attempts_max = 2, .backoff = kExact}, ask).error().message,
                  "busy");
        const auto refuse = [&](Attempt& attempt) -> Result<void> {
          calls = attempt.number();
          attempt.stop();
          return Error{.message = "no such page"};
        };
        EXPECT_EQ(retry(background(), {}, refuse).error().message, "no such page");
        EXPECT_EQ(calls, 1u);
      },
      &clock_);
}

TEST_P(RetryTest, TheEndOfTheContextEndsTheWaiting) {
  run(
      [] {
        const auto bound = with_cancel(background());
        WaitGroup group;
        group.go([&] {
          EXPECT_EQ(thrown_by([&] {
                      retry(bound.ctx, {.backoff = kExact},
                            [](Attempt& attempt) { throw failure(attempt.number()); });
                    }),
                    "failure 2");
        });
        sleep(milliseconds(1500));
        bound.cancel();
        group.wait();
        EXPECT_EQ(now(), TimePoint(milliseconds(1500)));
      },
      &clock_);
}

TEST_P(RetryTest, DoesNotWaitForAnAttemptAfterTheDeadline) {
  run(
      [] {
        const auto bound = with_timeout(background(), seconds(3));
        EXPECT_EQ(thrown_by([&] {
                    retry(bound.ctx, {.backoff = kExact},
                          [](Attempt& attempt) { throw failure(attempt.number()); });
                  }),
                  "failure 2");
        EXPECT_EQ(now(), TimePoint(seconds(1)));
        EXPECT_FALSE(bound.ctx.err());
      },
      &clock_);
}

TEST_P(RetryTest, AContextThatIsDoneAlreadyAllowsNoAttempt) {
  run(
      [] {
        const auto bound = with_cancel_cause(background());
        bound.cancel(std::runtime_error("shutting down"));
        int calls = 0;
        EXPECT_EQ(thrown_by([&] { retry(bound.ctx, {}, [&] { ++calls; }); }), "shutting down");
        const Result<int> result = retry(bound.ctx, {}, [&]() -> Result<int> { return ++calls; });
        ASSERT_FALSE(result);
        EXPECT_EQ(result.error().kind, ErrorKind::Cancelled);
        EXPECT_EQ(result.error().message, "retry: context canceled");
        EXPECT_EQ(calls, 0);
      },
      &clock_);
}

}  // namespace
}  // namespace taskscope::test
