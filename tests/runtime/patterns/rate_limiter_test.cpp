// The token bucket: Go's x/time/rate tests in our words; the list is in GO_TESTS.md. The clock is
// the test's, so every moment is exact.
#include "runtime/patterns/rate_limiter.h"

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;

class RateLimiterTest : public RuntimeTest {
 protected:
  ManualClock clock_{ManualClock::Moves::WhenAllWait};
  // At `ms` since the start.
  void at(int ms) { clock_.set(TimePoint(milliseconds(ms))); }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(RateLimiterTest);

constexpr RateLimit kTenASecond = RateLimit::per_second(10);

TEST(RateLimit, EveryIsTheInverseOfPerSecond) {
  EXPECT_EQ(RateLimit::every(milliseconds(100)), RateLimit::per_second(10));
  EXPECT_EQ(RateLimit::every(seconds(4)), RateLimit::per_second(0.25));
  EXPECT_TRUE(RateLimit::every(seconds(0)).is_unlimited());
  EXPECT_TRUE(RateLimit::every(seconds(-1)).is_unlimited());
  EXPECT_EQ(RateLimit::per_second(-3).events_per_second(), 0);
}

TEST_P(RateLimiterTest, TheBurstGoesAtOnceThenOneGoesEachInterval) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 2);
        EXPECT_TRUE(limiter.allow());
        EXPECT_TRUE(limiter.allow());
        EXPECT_FALSE(limiter.allow());
        at(99);
        EXPECT_FALSE(limiter.allow());
        at(100);
        EXPECT_TRUE(limiter.allow());
        EXPECT_FALSE(limiter.allow());
        at(10'000);  // no more than the burst is saved up
        EXPECT_EQ(limiter.tokens(), 2);
        EXPECT_TRUE(limiter.allow(2));
        EXPECT_FALSE(limiter.allow());
        EXPECT_TRUE(limiter.allow(0));
      },
      &clock_);
}

TEST_P(RateLimiterTest, MoreThanTheBurstIsNeverAllowed) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 3);
        EXPECT_FALSE(limiter.allow(4));
        const Reservation reservation = limiter.reserve(4);
        EXPECT_FALSE(reservation.ok());
        EXPECT_EQ(reservation.delay(), nanoseconds::max());
        EXPECT_EQ(limiter.tokens(), 3);
      },
      &clock_);
}

TEST_P(RateLimiterTest, WithoutALimitEverythingIsAllowedWhateverTheBurst) {
  run(
      [&] {
        RateLimiter limiter(RateLimit::unlimited(), 0);
        for (int i = 0; i < 100; ++i) EXPECT_TRUE(limiter.allow(1'000'000));
        limiter.set_burst(2);
        limiter.set_limit(kTenASecond);  // starts with a full bucket
        EXPECT_TRUE(limiter.allow(2));
        EXPECT_FALSE(limiter.allow());
      },
      &clock_);
}

TEST_P(RateLimiterTest, ALimitOfZeroLetsTheBurstThroughAndNothingMore) {
  run(
      [&] {
        RateLimiter limiter(RateLimit::per_second(0), 2);
        EXPECT_TRUE(limiter.allow(2));
        at(1'000'000);
        EXPECT_FALSE(limiter.allow());
        EXPECT_FALSE(limiter.reserve().ok());
        const Result<void> waited = limiter.wait(background());
        ASSERT_FALSE(waited);
      },
      &clock_);
}

TEST_P(RateLimiterTest, ReservationsAreServedInTheOrderInWhichTheyWereMade) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 2);
        EXPECT_EQ(limiter.reserve(2).delay(), nanoseconds(0));
        EXPECT_EQ(limiter.reserve(2).delay(), milliseconds(200));
        EXPECT_EQ(limiter.reserve(1).delay(), milliseconds(300));
        EXPECT_EQ(limiter.tokens(), -3);
        at(50);
        EXPECT_EQ(limiter.reserve(1).delay(), milliseconds(350));
        EXPECT_FALSE(limiter.allow());
      },
      &clock_);
}

TEST_P(RateLimiterTest, ACancelledReservationGivesItsTokensBack) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 2);
        EXPECT_TRUE(limiter.allow(2));
        Reservation reservation = limiter.reserve(2);
        reservation.cancel();
        EXPECT_EQ(limiter.tokens(), 0);
        reservation.cancel();  // has nothing left to give
        EXPECT_EQ(limiter.tokens(), 0);
        EXPECT_EQ(limiter.reserve(2).delay(), milliseconds(200));
      },
      &clock_);
}

TEST_P(RateLimiterTest, CancellingWhenItsMomentHasComeGivesNothingBack) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 2);
        Reservation now = limiter.reserve(2);
        now.cancel();
        EXPECT_EQ(limiter.tokens(), 0);
        Reservation later = limiter.reserve(1);
        at(100);
        later.cancel();
        EXPECT_EQ(limiter.tokens(), 0);
      },
      &clock_);
}

TEST_P(RateLimiterTest, WhatLaterReservationsBuildOnIsNotGivenBack) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 2);
        EXPECT_TRUE(limiter.allow(2));
        Reservation first = limiter.reserve(2);   // acts at 200 ms
        Reservation second = limiter.reserve(1);  // acts at 300 ms
        first.cancel();                           // one of the two goes back
        EXPECT_EQ(limiter.tokens(), -2);
        second.cancel();
        EXPECT_EQ(limiter.tokens(), -1);
        EXPECT_EQ(limiter.reserve(1).delay(), milliseconds(200));
      },
      &clock_);
}

TEST_P(RateLimiterTest, CancellingTheLatestMakesTheOneBeforeItTheLatest) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 2);
        EXPECT_TRUE(limiter.allow(2));
        Reservation first = limiter.reserve(1);
        Reservation second = limiter.reserve(1);
        second.cancel();
        EXPECT_EQ(limiter.tokens(), -1);
        first.cancel();
        EXPECT_EQ(limiter.tokens(), 0);
      },
      &clock_);
}

TEST_P(RateLimiterTest, WhatNobodyBuildsOnAnyMoreIsGivenBackToo) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 4);
        EXPECT_TRUE(limiter.allow(4));
        Reservation first = limiter.reserve(3);  // acts at 300 ms
        EXPECT_EQ(limiter.reserve(1).delay(), milliseconds(400));
        Reservation last = limiter.reserve(1);
        at(100);
        last.cancel();   // one
        first.cancel();  // two: all but the one that the second builds on
        EXPECT_EQ(limiter.reserve(3).delay(), milliseconds(400));
      },
      &clock_);
}

TEST_P(RateLimiterTest, ReservationsOutliveAChangeOfTheLimit) {
  run(
      [&] {
        RateLimiter limiter(RateLimit::per_second(5), 2);
        EXPECT_TRUE(limiter.allow(2));
        Reservation reservation = limiter.reserve(2);
        EXPECT_EQ(reservation.delay(), milliseconds(400));
        at(200);
        limiter.set_limit(kTenASecond);
        EXPECT_EQ(reservation.delay(), milliseconds(200));
        EXPECT_EQ(limiter.reserve(1).delay(), milliseconds(200));
        RateLimiter other(RateLimit::per_second(5), 2);
        EXPECT_TRUE(other.allow(2));
        Reservation given_up = other.reserve(2);
        at(400);
        other.set_limit(kTenASecond);
        given_up.cancel();
        EXPECT_EQ(other.reserve(2).delay(), milliseconds(100));
      },
      &clock_);
}

TEST_P(RateLimiterTest, ABucketThatNothingFlowedIntoFillsAtTheNewLimit) {
  run(
      [&] {
        RateLimiter limiter(RateLimit::per_second(0), 1);
        EXPECT_TRUE(limiter.allow());
        at(60'000);
        limiter.set_limit(kTenASecond);
        EXPECT_FALSE(limiter.allow());
        EXPECT_TRUE(limiter.wait(background()));
        EXPECT_EQ(now(), TimePoint(milliseconds(60'100)));
      },
      &clock_);
}

TEST_P(RateLimiterTest, ALimitNearZeroIsNotOverrun) {
  run(
      [&] {
        RateLimiter limiter(RateLimit::per_second(1e-12), 1);
        EXPECT_TRUE(limiter.allow());
        EXPECT_FALSE(limiter.allow());
        EXPECT_FALSE(limiter.reserve().ok());  // its moment is beyond the end of time
      },
      &clock_);
}

TEST_P(RateLimiterTest, ANewLimitOrBurstHoldsFromNowOn) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 10);
        EXPECT_TRUE(limiter.allow(10));
        at(500);  // five have flowed in at the old rate
        limiter.set_limit(RateLimit::per_second(1));
        EXPECT_EQ(limiter.limit(), RateLimit::per_second(1));
        EXPECT_EQ(limiter.tokens(), 5);
        at(1500);
        EXPECT_EQ(limiter.tokens(), 6);
        limiter.set_burst(3);
        EXPECT_EQ(limiter.burst(), 3);
        EXPECT_EQ(limiter.tokens(), 3);
        EXPECT_FALSE(limiter.allow(4));
      },
      &clock_);
}

TEST_P(RateLimiterTest, WaitReturnsWhenItsTokensAreThere) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 1);
        for (int i = 0; i < 50; ++i) {
          EXPECT_TRUE(limiter.wait(background()));
          EXPECT_EQ(now(), TimePoint(milliseconds(100 * i)));
        }
        RateLimiter thirds(RateLimit::per_second(3), 1);  // rounded up: never too early
        EXPECT_TRUE(thirds.wait(background()));
        const TimePoint begin = now();
        EXPECT_TRUE(thirds.wait(background()));
        EXPECT_EQ(now() - begin, nanoseconds(333'333'334));
      },
      &clock_);
}

TEST_P(RateLimiterTest, WaitersOfManyTasksGoAtTheRate) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 3);
        std::atomic<int> passed{0};
        WaitGroup group;
        for (int i = 0; i < 23; ++i) {
          group.go([&] {
            EXPECT_TRUE(limiter.wait(background()));
            ++passed;
          });
        }
        group.wait();
        EXPECT_EQ(passed, 23);
        EXPECT_EQ(now(), TimePoint(seconds(2)));
        EXPECT_EQ(limiter.tokens(), 0);
      },
      &clock_);
}

TEST_P(RateLimiterTest, WaitFailsAtOnceIfItsTurnWouldComeTooLate) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 1);
        EXPECT_TRUE(limiter.allow());
        const auto [soon, cancel] = with_timeout(background(), milliseconds(99));
        const Result<void> late = limiter.wait(soon);
        ASSERT_FALSE(late);
        EXPECT_EQ(late.error().kind, ErrorKind::Timeout);
        EXPECT_EQ(now(), TimePoint());
        EXPECT_EQ(limiter.tokens(), 0);
        const auto [enough, cancel_enough] = with_timeout(background(), milliseconds(101));
        EXPECT_TRUE(limiter.wait(enough));
      },
      &clock_);
}

TEST_P(RateLimiterTest, WaitFailsIfItsContextIsDoneAndTakesNothing) {
  run(
      [&] {
        RateLimiter limiter(RateLimit::every(hours(1)), 1);
        auto [ctx, cancel] = with_cancel(background());
        EXPECT_TRUE(limiter.wait(ctx));
        WaitGroup group;
        group.go([&, context = ctx] {
          const Result<void> waited = limiter.wait(context);
          ASSERT_FALSE(waited);
          EXPECT_EQ(waited.error().kind, ErrorKind::Cancelled);
        });
        while (limiter.tokens() > -0.5) yield();
        cancel();
        group.wait();
        EXPECT_NEAR(limiter.tokens(), 0, 1e-9);
        EXPECT_EQ(limiter.wait(ctx).error().kind, ErrorKind::Cancelled);
        EXPECT_NEAR(limiter.tokens(), 0, 1e-9);
      },
      &clock_);
}

TEST_P(RateLimiterTest, WaitingForMoreThanTheBurstSaysWhatToDo) {
  run(
      [&] {
        RateLimiter limiter(kTenASecond, 5);
        EXPECT_EQ(limiter.wait(background(), 7).error().message,
                  "7 tokens at once are more than the burst of 5 that this rate limiter has; ask "
                  "for fewer or raise the burst");
      },
      &clock_);
}

TEST_P(RateLimiterTest, AskingForLessThanNothingPanics) {
  run([&] {
    RateLimiter limiter(kTenASecond, 5);
    const std::string message = "RateLimiter asked for a negative number of tokens";
    EXPECT_EQ(panic_of([&] { limiter.allow(-1); }), message);
    EXPECT_EQ(panic_of([&] { static_cast<void>(limiter.reserve(-1)); }), message);
    EXPECT_EQ(panic_of([&] { static_cast<void>(limiter.wait(background(), -1)); }), message);
  });
}

TEST_P(RateLimiterTest, ManyTasksAtOnceGetNoMoreThanThereIs) {
  run(
      [&] {
        RateLimiter limiter(RateLimit::per_second(0), 100);
        std::atomic<int> allowed{0};
        WaitGroup group;
        for (int t = 0; t < 8; ++t) {
          group.go([&] {
            for (int i = 0; i < 100; ++i) allowed += limiter.allow() ? 1 : 0;
          });
        }
        group.wait();
        EXPECT_EQ(allowed, 100);
      },
      &clock_);
}

}  // namespace
}  // namespace taskscope::test
