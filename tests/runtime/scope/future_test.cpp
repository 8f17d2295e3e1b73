// Futures: results, errors, and that the task of one never outlives it.
#include "runtime/scope/future.h"

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <vector>

#include "runtime/scope/detach.h"
#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

static_assert(!std::is_copy_constructible_v<Future<int>>);
static_assert(std::is_nothrow_move_constructible_v<Future<int>>);

class FutureTest : public RuntimeTest {
 protected:
  ManualClock clock_;
};

TEST_P(FutureTest, AResultIsWaitedForAndGotOnce) {
  run([] {
    Future<int> future = async([] {
      for (int i = 0; i < 5; ++i) yield();
      return 42;
    });
    EXPECT_TRUE(future.valid());
    future.wait();
    EXPECT_TRUE(future.ready());
    EXPECT_EQ(future.get(), 42);
    EXPECT_FALSE(future.valid());
    EXPECT_FALSE(Future<int>().valid());
  });
}

TEST_P(FutureTest, AnErrorIsThrownToWhoeverGetsIt) {
  run([] {
    Future<int> future = async([]() -> int { throw std::runtime_error("no luck"); });
    try {
      future.get();
      ADD_FAILURE() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "no luck");
    }
  });
}

TEST_P(FutureTest, TheEndOfAFutureWaitsForItsTask) {
  run([] {
    std::atomic<bool> ended{false};
    {
      const Future<void> future = async([&] {
        for (int i = 0; i < 20; ++i) yield();
        ended = true;
      });
    }
    EXPECT_TRUE(ended);
    ended = false;
    Future<void> future = async([&] {
      yield();
      ended = true;
    });
    future = Future<void>();
    EXPECT_TRUE(ended);
  });
}

TEST_P(FutureTest, AnErrorThatNobodyTakesIsDroppedOnlyUnderAnotherOne) {
  run([] {
    try {
      const Future<void> future = async([] { throw std::runtime_error("hidden"); });
      throw std::runtime_error("seen");
    } catch (const std::runtime_error& error) {
      EXPECT_STREQ(error.what(), "seen");
    }
  });
}

TEST_P(FutureTest, ManyMayWaitForOneResult) {
  run([] {
    Chan<int> gate = make_chan<int>();
    Future<int> future = async([gate] { return gate.recv().value(); });
    WaitGroup group;
    for (int i = 0; i < 10; ++i) {
      group.go([&] {
        future.wait();
        EXPECT_TRUE(future.ready());
      });
    }
    gate.send(3);
    group.wait();
    EXPECT_EQ(future.get(), 3);
  });
}

TEST_P(FutureTest, AWaitGivesUpWithItsContext) {
  run(
      [] {
        Future<int> future = async([] {
          sleep(hours(1));
          return 5;
        });
        {
          auto [ctx, cancel] = with_timeout(background(), seconds(3));
          EXPECT_FALSE(future.wait(ctx));
          EXPECT_EQ(now(), TimePoint(seconds(3)));
        }
        EXPECT_TRUE(future.wait(background()));
        EXPECT_EQ(now(), TimePoint(hours(1)));
        EXPECT_EQ(future.get(), 5);
      },
      &clock_);
}

TEST_P(FutureTest, AResultThatDidNotComeInTimeCanBeGotLater) {
  run(
      [] {
        Future<int> future = async("sleeper", [] {
          sleep(hours(1));
          return 5;
        });
        const auto limited = with_timeout(background(), seconds(3));
        const Result<int> late = future.get(limited.ctx);
        ASSERT_FALSE(late);
        EXPECT_EQ(late.error().kind, ErrorKind::Timeout);
        EXPECT_TRUE(future.valid());
        EXPECT_EQ(future.get(background()).value(), 5);
        EXPECT_FALSE(future.valid());
        Future<void> nothing = async([] {});
        EXPECT_TRUE(nothing.get(background()));
        Future<void> failed = async([] { throw std::runtime_error("no luck"); });
        EXPECT_THROW(static_cast<void>(failed.get(background())), std::runtime_error);
      },
      &clock_);
}

TEST_P(FutureTest, ResultsMayBeMoveOnlyAndLarge) {
  run([] {
    struct Large {
      std::unique_ptr<int> owned;
      std::vector<int> values;
      char more[2000] = {};
    };
    Future<Large> future = async([] {
      return Large{std::make_unique<int>(1), std::vector<int>(50, 2)};
    });
    const Large large = future.get();
    EXPECT_EQ(*large.owned, 1);
    EXPECT_EQ(large.values.size(), 50u);
  });
}

TEST_P(FutureTest, ForkAndJoinAtAnyDepth) {
  run([] {
    struct Fibonacci {
      static int of(int n) {
        if (n < 2) return n;
        Future<int> left = async([n] { return of(n - 1); });
        const int right = of(n - 2);
        return left.get() + right;
      }
    };
    EXPECT_EQ(Fibonacci::of(TASKSCOPE_TSAN ? 10 : 16), TASKSCOPE_TSAN ? 55 : 987);
  });
}

TEST_P(FutureTest, ADetachedTaskHasAName) {
  run([] {
    Chan<int> done = make_chan<int>();
    detach("heartbeat", [done] { done.send(1); });
    EXPECT_EQ(done.recv(), 1);
    EXPECT_EQ(panic_of([] { detach("", [] {}); }), "detach of a task without a name");
  });
}

TEST(FutureDeathTest, AnErrorThatNobodyTookIsAPanic) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      ts::run([] { const Future<void> lost = async([] { throw std::runtime_error("unseen"); }); },
              {.workers = 2}),
      ::testing::ExitedWithCode(2), "panic: unseen");
}

TASKSCOPE_AT_ALL_WORKER_COUNTS(FutureTest);

}  // namespace
}  // namespace taskscope::test
