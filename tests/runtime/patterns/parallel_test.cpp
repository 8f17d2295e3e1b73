// first_of, parallel_for and parallel_map: results, failures, cancellation, and how many at once.
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/patterns/first_of.h"
#include "runtime/patterns/parallel_for.h"
#include "runtime/patterns/parallel_map.h"
#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class FirstOfTest : public RuntimeTest {
 protected:
  ManualClock clock_;
};
class ParallelTest : public FirstOfTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(FirstOfTest);
TASKSCOPE_AT_ALL_WORKER_COUNTS(ParallelTest);

// Answers after `delay`, or throws if its context is done before.
auto answer_after(std::chrono::seconds delay, int answer) {
  return [=](const Context& ctx) {
    if (!sleep(ctx, delay)) ctx.throw_if_done();
    return answer;
  };
}
auto fail_after(std::chrono::seconds delay, const char* message) {
  return [=](const Context& ctx) -> int {
    if (!sleep(ctx, delay)) ctx.throw_if_done();
    throw std::runtime_error(message);
  };
}

TEST_P(FirstOfTest, TheFirstSuccessWinsAndTheOthersAreCancelled) {
  run(
      [] {
        std::atomic<int> cancelled{0};
        const auto wait_for_the_end = [&](const Context& ctx) {
          ctx.done().recv();
          ++cancelled;
          return 0;
        };
        EXPECT_EQ(first_of(background(), wait_for_the_end, answer_after(seconds(2), 5),
                           fail_after(seconds(1), "no"), wait_for_the_end),
                  5);
        EXPECT_EQ(cancelled, 2);  // all have ended when it returns
        EXPECT_EQ(now(), TimePoint(seconds(2)));
      },
      &clock_);
}

TEST_P(FirstOfTest, IfAllFailTheFirstFailureIsThrown) {
  run(
      [] {
        try {
          first_of(background(), fail_after(seconds(3), "late"), fail_after(seconds(1), "early"));
          ADD_FAILURE() << "nothing was thrown";
        } catch (const std::runtime_error& error) {
          EXPECT_STREQ(error.what(), "early");
        }
        EXPECT_EQ(now(), TimePoint(seconds(3)));
      },
      &clock_);
}

TEST_P(FirstOfTest, AResultWithoutAValueIsAFailure) {
  run(
      [] {
        const auto result_after = [](std::chrono::seconds delay, Result<int> result) {
          return [=](const Context& ctx) -> Result<int> {
            if (!sleep(ctx, delay)) return Error{.message = "cancelled"};
            return result;
          };
        };
        EXPECT_EQ(*first_of(background(), result_after(seconds(1), Error{.message = "down"}),
                            result_after(seconds(2), 4), result_after(hours(1), 6)),
                  4);
        EXPECT_EQ(first_of(background(), result_after(seconds(2), Error{.message = "b"}),
                           result_after(seconds(1), Error{.message = "a"}))
                      .error()
                      .message,
                  "a");
      },
      &clock_);
}

TEST_P(FirstOfTest, FunctionsMayReturnNothingOrDifferentTypes) {
  run(
      [] {
        int done = 0;
        first_of(background(), [&](const Context&) { done = 1; });
        EXPECT_EQ(done, 1);
        const auto common = first_of(
            background(), [](const Context&) { return 1; }, [](const Context&) { return 1.0; });
        static_assert(std::is_same_v<decltype(common), const double>);
        EXPECT_EQ(common, 1.0);
        const auto box =
            first_of(background(), [](const Context&) { return std::make_unique<int>(2); });
        EXPECT_EQ(*box, 2);
      },
      &clock_);
}

TEST_P(FirstOfTest, TakesAVectorOfFunctions) {
  run(
      [] {
        std::vector<std::function<int(const Context&)>> functions;
        for (int i = 10; i > 0; --i) functions.push_back(answer_after(seconds(i), i));
        EXPECT_EQ(first_of(background(), std::move(functions)), 1);
        EXPECT_EQ(panic_of([] {
                    first_of(background(), std::vector<std::function<int(const Context&)>>());
                  }),
                  "first_of without a function");
      },
      &clock_);
}

TEST_P(FirstOfTest, TheEndOfTheCallersContextReachesTheFunctions) {
  run(
      [] {
        const auto bound = with_timeout(background(), seconds(1));
        EXPECT_THROW(first_of(bound.ctx, answer_after(hours(1), 1), answer_after(hours(2), 2)),
                     ContextError);
        EXPECT_EQ(now(), TimePoint(seconds(1)));
      },
      &clock_);
}

TEST_P(ParallelTest, ForCallsEveryIndexOnce) {
  run([] {
    for (const std::size_t count : {0, 1, 2, 7, 100, 10'000}) {
      for (const std::size_t chunk : {0, 1, 3, 1000}) {
        for (const std::size_t tasks : {0, 1, 5}) {
          std::vector<std::atomic<int>> calls(count);
          parallel_for(count, {.tasks_max = tasks, .chunk = chunk},
                       [&](std::size_t i) { ++calls[i]; });
          for (const std::atomic<int>& n : calls) EXPECT_EQ(n, 1);
        }
      }
    }
  });
}

TEST_P(ParallelTest, ForRunsNoMoreTasksAtOnceThanItMay) {
  run(
      [] {
        std::atomic<int> at_once{0};
        std::atomic<int> most{0};
        parallel_for(40, {.tasks_max = 4}, [&](std::size_t) {
          const int here = ++at_once;
          for (int seen = most; seen < here && !most.compare_exchange_weak(seen, here);) {
          }
          sleep(seconds(1));
          --at_once;
        });
        EXPECT_EQ(most, 4);
        EXPECT_EQ(now(), TimePoint(seconds(10)));
      },
      &clock_);
}

TEST_P(ParallelTest, ForThrowsTheFirstFailureAndBeginsNothingAfterIt) {
  run(
      [] {
        std::atomic<int> begun{0};
        try {
          static_cast<void>(parallel_for(background(), 100, {.tasks_max = 4},
                                         [&](const Context& ctx, std::size_t i) {
                                           ++begun;
                                           const auto delay = seconds(i == 2 ? 1 : 100);
                                           if (!sleep(ctx, delay)) return;
                                           throw std::runtime_error(std::to_string(i));
                                         }));
          ADD_FAILURE() << "nothing was thrown";
        } catch (const std::runtime_error& error) {
          EXPECT_STREQ(error.what(), "2");
        }
        EXPECT_EQ(begun, 4);
        EXPECT_EQ(now(), TimePoint(seconds(1)));
      },
      &clock_);
}

TEST_P(ParallelTest, ForSaysWhetherTheContextEndedIt) {
  run(
      [] {
        const auto bound = with_timeout(background(), milliseconds(3500));
        std::atomic<int> begun{0};
        const auto one_second = [&](std::size_t) {
          ++begun;
          sleep(seconds(1));
        };
        EXPECT_FALSE(parallel_for(bound.ctx, 100, {.tasks_max = 2}, one_second));
        EXPECT_EQ(begun, 8);
        EXPECT_EQ(now(), TimePoint(seconds(4)));
        EXPECT_FALSE(parallel_for(bound.ctx, 1, one_second));
        EXPECT_EQ(begun, 8);
        EXPECT_TRUE(parallel_for(bound.ctx, 0, one_second));
        EXPECT_TRUE(parallel_for(background(), 3, one_second));
      },
      &clock_);
}

TEST_P(ParallelTest, ForGivesOthersTheirTurn) {
  run([] {
    const auto bound = with_cancel(background());
    WaitGroup group;
    group.go([&] { bound.cancel(); });
    // Nothing but the other task can end this, and it does even if there is only one worker.
    EXPECT_FALSE(parallel_for(bound.ctx, SIZE_MAX / 2, {.chunk = 100}, [](std::size_t) {}));
    group.wait();
  });
}

TEST_P(ParallelTest, MapKeepsTheOrder) {
  run([] {
    std::vector<int> numbers(static_cast<std::size_t>(sized(8000)));
    std::iota(numbers.begin(), numbers.end(), 0);
    const std::vector<std::string> texts =
        parallel_map(numbers, [](int n) { return std::to_string(n); });
    ASSERT_EQ(texts.size(), numbers.size());
    for (std::size_t i = 0; i < texts.size(); ++i) EXPECT_EQ(texts[i], std::to_string(i));
    const std::vector<bool> odd = parallel_map(numbers, [](int n) { return n % 2 == 1; });
    for (std::size_t i = 0; i < odd.size(); ++i) EXPECT_EQ(odd[i], i % 2 == 1);
    EXPECT_TRUE(parallel_map(std::vector<int>(), [](int n) { return n; }).empty());
  });
}

TEST_P(ParallelTest, MapTakesAndReturnsWhatCanOnlyBeMoved) {
  run([] {
    std::vector<std::unique_ptr<int>> boxes;
    for (int i = 0; i < 100; ++i) boxes.push_back(std::make_unique<int>(i));
    const auto moved = parallel_map(boxes, {.tasks_max = 3},
                                    [](std::unique_ptr<int>& box) { return std::move(box); });
    for (int i = 0; i < 100; ++i) EXPECT_EQ(*moved[static_cast<std::size_t>(i)], i);
  });
}

TEST_P(ParallelTest, MapFailsAsForDoes) {
  run(
      [] {
        const std::vector<int> numbers{1, 2, 3};
        EXPECT_THROW(parallel_map(numbers,
                                  [](int n) {
                                    if (n == 2) throw std::logic_error("two");
                                    return n;
                                  }),
                     std::logic_error);
        const auto bound = with_timeout(background(), seconds(1));
        EXPECT_EQ(parallel_map(bound.ctx, numbers, {.tasks_max = 3},
                               [](const Context& ctx, int n) { return sleep(ctx, hours(n)); }),
                  (std::vector<bool>{false, false, false}));
        EXPECT_EQ(parallel_map(bound.ctx, numbers, [](int n) { return n; }), std::nullopt);
      },
      &clock_);
}

TEST(ParallelDeathTest, OnlyTasksMayUseIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(parallel_for(1, [](std::size_t) {}), ::testing::ExitedWithCode(2),
              "ts::parallel_for would wait, but this thread is not a task's");
}

}  // namespace
}  // namespace taskscope::test
