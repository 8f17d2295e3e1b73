// The injected clock: when it moves, and that a deadlock is still one.
#include "runtime/sched/manual_clock.h"

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

class ManualClockTest : public RuntimeTest {};

TEST_P(ManualClockTest, SleepsTakeExactlyAsLongAsTheySay) {
  ManualClock clock;
  run(
      [] {
        const TimePoint begin = now();
        sleep(hours(24 * 365));
        EXPECT_EQ(now() - begin, hours(24 * 365));
        sleep(std::chrono::nanoseconds(1));
        EXPECT_EQ(now() - begin, hours(24 * 365) + std::chrono::nanoseconds(1));
      },
      &clock);
  EXPECT_EQ(clock.now(), TimePoint(hours(24 * 365) + std::chrono::nanoseconds(1)));
}

TEST_P(ManualClockTest, TheClockWaitsForEveryTaskThatCanRun) {
  ManualClock clock;
  run(
      [] {
        WaitGroup group;
        for (int t = 1; t <= 20; ++t) {
          group.go([t] {
            for (int i = 1; i <= 20; ++i) {
              sleep(milliseconds(t));
              for (int k = 0; k < 10; ++k) yield();
              EXPECT_EQ(now(), TimePoint(milliseconds(t * i)));
            }
          });
        }
        group.wait();
      },
      &clock);
}

TEST_P(ManualClockTest, SleepersWakeInTheOrderOfTheirDeadlines) {
  if (workers() != 1) GTEST_SKIP() << "the order in which tasks run";
  ManualClock clock;
  run(
      [] {
        std::vector<int> order;
        base::Lock lock;
        WaitGroup group;
        for (const int delay : {5, 1, 4, 1, 3}) {
          group.go([&, delay] {
            sleep(seconds(delay));
            const base::LockGuard guard(lock);
            order.push_back(delay);
          });
        }
        group.wait();
        EXPECT_EQ(order, (std::vector<int>{1, 1, 3, 4, 5}));
      },
      &clock);
}

TEST_P(ManualClockTest, ByHandItOnlyMovesWhenTold) {
  ManualClock clock(ManualClock::Moves::ByHand);
  run(
      [&] {
        std::atomic<int> awake{0};
        WaitGroup group;
        for (const int delay : {1, 2, 3}) {
          group.go([&, delay] {
            sleep(seconds(delay));
            ++awake;
          });
        }
        wait_until_blocked(3);
        clock.advance(milliseconds(999));
        yield();
        EXPECT_EQ(awake, 0);
        clock.advance(milliseconds(1));
        while (awake != 1) yield();
        clock.set(TimePoint(seconds(1)));
        clock.set(TimePoint(seconds(2)));
        while (awake != 2) yield();
        EXPECT_EQ(now(), TimePoint(seconds(2)));
        clock.advance(hours(1));
        group.wait();
      },
      &clock);
}

TEST_P(ManualClockTest, AForeignThreadMayMoveIt) {
  ManualClock clock(ManualClock::Moves::ByHand);
  run(
      [&] {
        std::atomic<bool> stop{false};
        std::thread mover([&] {
          while (!stop) {
            clock.advance(milliseconds(1));
            std::this_thread::yield();
          }
        });
        for (int i = 0; i < 50; ++i) sleep(milliseconds(3));
        EXPECT_GE(now(), TimePoint(milliseconds(150)));
        stop = true;
        mover.join();
      },
      &clock);
}

TEST(ManualClockDeathTest, TasksThatWaitForATimeThatNobodyBringsAreADeadlock) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ManualClock clock(ManualClock::Moves::ByHand);
        ts::run([] { sleep(seconds(1)); }, {.workers = 2, .clock = &clock});
      },
      ::testing::ExitedWithCode(2), "all tasks are asleep - deadlock!");
}

TEST(ManualClockDeathTest, ADeadlockIsFoundWhenNoTimerIsLeft) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        ManualClock clock;
        ts::run(
            [] {
              sleep(hours(1));
              make_chan<int>().recv();
            },
            {.workers = 2, .clock = &clock});
      },
      ::testing::ExitedWithCode(2), "all tasks are asleep - deadlock!");
}

TASKSCOPE_AT_ALL_WORKER_COUNTS(ManualClockTest);

}  // namespace
}  // namespace taskscope::test
