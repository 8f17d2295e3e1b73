// Timers, tickers and functions that run later, as users see them. Go's tests of timers in our
// words; the list is in GO_TESTS.md. Most go by a manual clock, so their times are exact.
#include "runtime/time/timer.h"

#include <gmock/gmock.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/spin.h"
#include "runtime/context/context.h"
#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope::test {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

class TimerTest : public RuntimeTest {
 protected:
  ManualClock clock_;
};

std::int64_t earliest_ns() { return sched::current_worker()->scheduler().timers().earliest_ns(); }

TEST_P(TimerTest, ATimerSendsTheTimeOnce) {
  run(
      [] {
        Timer timer(seconds(3));
        EXPECT_EQ(timer.c().recv(), TimePoint(seconds(3)));
        sleep(hours(1));
        EXPECT_EQ(timer.c().try_recv(), std::nullopt);
        EXPECT_FALSE(timer.stop());
      },
      &clock_);
}

TEST_P(TimerTest, ATimerOfNoOrNegativeLengthFiresAtOnce) {
  run(
      [] {
        EXPECT_EQ(Timer(seconds(0)).c().recv(), TimePoint());
        EXPECT_EQ(Timer(seconds(-7)).c().recv(), TimePoint());
        EXPECT_EQ(time_after(seconds(-1)).recv(), TimePoint());
      },
      &clock_);
}

TEST_P(TimerTest, DurationsBeyondTheEndOfTimeDoNotOverflow) {
  run(
      [] {
        Timer timer(std::chrono::nanoseconds::max());
        Timer shorter(seconds(1));
        EXPECT_EQ(shorter.c().recv(), TimePoint(seconds(1)));
        EXPECT_TRUE(timer.stop());
      },
      &clock_);
}

TEST_P(TimerTest, AStoppedTimerSendsNothing) {
  run(
      [] {
        Timer timer(seconds(1));
        EXPECT_TRUE(timer.stop());
        EXPECT_FALSE(timer.stop());
        EXPECT_EQ(earliest_ns(), sched::Timers::kNever);
        sleep(seconds(2));
        EXPECT_EQ(timer.c().try_recv(), std::nullopt);
      },
      &clock_);
}

TEST_P(TimerTest, StopTakesBackAValueThatNobodyHasReceived) {
  run(
      [] {
        Timer timer(seconds(1));
        sleep(seconds(2));
        EXPECT_TRUE(timer.stop());
        EXPECT_EQ(timer.c().try_recv(), std::nullopt);
        EXPECT_FALSE(timer.stop());
      },
      &clock_);
}

TEST_P(TimerTest, ResetTakesBackAValueThatNobodyHasReceived) {
  run(
      [] {
        Timer timer(seconds(1));
        sleep(seconds(2));
        EXPECT_TRUE(timer.reset(seconds(5)));
        EXPECT_EQ(timer.c().recv(), TimePoint(seconds(7)));
        EXPECT_FALSE(timer.reset(seconds(1)));
        EXPECT_EQ(timer.c().recv(), TimePoint(seconds(8)));
      },
      &clock_);
}

TEST_P(TimerTest, ResetMovesATimerToSoonerAndLater) {
  run(
      [] {
        Timer timer(seconds(10));
        EXPECT_TRUE(timer.reset(seconds(20)));
        EXPECT_TRUE(timer.reset(seconds(5)));
        EXPECT_TRUE(timer.reset(seconds(15)));
        sleep(seconds(14));
        EXPECT_EQ(timer.c().try_recv(), std::nullopt);
        EXPECT_EQ(timer.c().recv(), TimePoint(seconds(15)));
        EXPECT_FALSE(timer.stop());
        EXPECT_FALSE(timer.reset(seconds(1)));
        EXPECT_TRUE(timer.stop());
        EXPECT_FALSE(timer.reset(seconds(1)));
        EXPECT_EQ(timer.c().recv(), TimePoint(seconds(16)));
      },
      &clock_);
}

TEST_P(TimerTest, ATimerThatIsPutOffAgainAndAgainFiresOnce) {
  run(
      [] {
        Timer idle(seconds(10));
        for (int i = 0; i < 100; ++i) {
          sleep(seconds(9));
          EXPECT_TRUE(idle.reset(seconds(10)));
        }
        EXPECT_EQ(idle.c().recv(), TimePoint(seconds(910)));
        sleep(hours(1));
        EXPECT_EQ(idle.c().try_recv(), std::nullopt);
      },
      &clock_);
}

TEST_P(TimerTest, TheEndOfATimerStopsIt) {
  run(
      [] {
        Receiver<TimePoint> kept;
        {
          Timer timer(seconds(1));
          Timer moved = std::move(timer);
          kept = moved.c();
        }
        EXPECT_EQ(earliest_ns(), sched::Timers::kNever);
        sleep(seconds(5));
        EXPECT_EQ(kept.try_recv(), std::nullopt);
      },
      &clock_);
}

TEST_P(TimerTest, TimersFireInTheOrderOfTheirDeadlines) {
  run(
      [] {
        std::vector<Timer> timers;
        WaitGroup group;
        std::mt19937 random(4711);
        std::printf("seed 4711\n");
        for (int i = 0; i < 500; ++i) {
          const milliseconds delay(random() % 1000);
          timers.emplace_back(delay);
          group.go([c = timers.back().c(), delay] {
            EXPECT_EQ(c.recv(), TimePoint(delay));
            EXPECT_EQ(now(), TimePoint(delay));
          });
        }
        group.wait();
      },
      &clock_);
}

TEST_P(TimerTest, TimeAfterSendsTheTimeOnItsChannel) {
  run(
      [] {
        const Receiver<TimePoint> first = time_after(seconds(2));
        const Receiver<TimePoint> second = time_after(seconds(1));
        EXPECT_EQ(first.recv(), TimePoint(seconds(2)));
        EXPECT_EQ(second.recv(), TimePoint(seconds(1)));
        EXPECT_EQ(first.try_recv(), std::nullopt);
        static_cast<void>(time_after(seconds(1)));  // nobody listens
        sleep(seconds(2));
        EXPECT_EQ(earliest_ns(), sched::Timers::kNever);
      },
      &clock_);
}

TEST_P(TimerTest, TicksComeAtMultiplesOfThePeriodWithoutDrift) {
  run(
      [] {
        Ticker ticker(milliseconds(10));
        for (int i = 1; i <= 100; ++i) {
          EXPECT_EQ(ticker.c().recv(), TimePoint(milliseconds(10 * i)));
          sleep(milliseconds(7));
        }
        ticker.stop();
        sleep(milliseconds(100));
        EXPECT_EQ(ticker.c().try_recv(), std::nullopt);
      },
      &clock_);
}

TEST_P(TimerTest, ATimersChannelShowsNoBuffer) {
  run(
      [] {
        const Timer timer(seconds(1));
        const Receiver<TimePoint> after = time_after(seconds(1));
        sleep(seconds(2));
        EXPECT_EQ(timer.c().len(), 0u);
        EXPECT_EQ(timer.c().cap(), 0u);
        EXPECT_EQ(after.len(), 0u);
        EXPECT_EQ(after.cap(), 0u);
        EXPECT_EQ(timer.c().try_recv(), TimePoint(seconds(1)));
        EXPECT_EQ(after.try_recv(), TimePoint(seconds(1)));
      },
      &clock_);
}

TEST_P(TimerTest, TicksThatNobodyReceivesAreDropped) {
  run(
      [] {
        Ticker ticker(seconds(1));
        sleep(milliseconds(10'500));
        EXPECT_EQ(ticker.c().recv(), TimePoint(seconds(1)));
        EXPECT_EQ(ticker.c().recv(), TimePoint(seconds(11)));
      },
      &clock_);
}

TEST_P(TimerTest, ALeapOverManyPeriodsIsOneTick) {
  ManualClock clock(ManualClock::Moves::ByHand);
  run(
      [&] {
        Ticker ticker(seconds(1));
        clock.advance(milliseconds(5'500));
        EXPECT_EQ(ticker.c().recv(), TimePoint(milliseconds(5'500)));
        EXPECT_EQ(ticker.c().try_recv(), std::nullopt);
        clock.advance(milliseconds(500));
        EXPECT_EQ(ticker.c().recv(), TimePoint(seconds(6))) << "still at multiples of its period";
      },
      &clock);
}

TEST_P(TimerTest, AResetTickerTakesUpItsNewPeriod) {
  run(
      [] {
        Ticker ticker(seconds(10));
        ticker.c().recv();
        sleep(seconds(12));
        ticker.reset(seconds(1));  // at 22 s, with a tick of before in the channel
        EXPECT_EQ(ticker.c().recv(), TimePoint(seconds(23)));
        EXPECT_EQ(ticker.c().recv(), TimePoint(seconds(24)));
        ticker.stop();
        ticker.reset(seconds(3));
        EXPECT_EQ(ticker.c().recv(), TimePoint(seconds(27)));
      },
      &clock_);
}

TEST_P(TimerTest, ATickerNeedsAPositivePeriod) {
  run([] {
    EXPECT_EQ(panic_of([] { Ticker(seconds(0)); }), "non-positive interval for Ticker");
    EXPECT_EQ(panic_of([] { Ticker(seconds(-1)); }), "non-positive interval for Ticker");
    Ticker ticker(seconds(1));
    EXPECT_EQ(panic_of([&] { ticker.reset(seconds(-1)); }),
              "non-positive interval for Ticker::reset");
  });
}

TEST_P(TimerTest, AFunctionRunsLaterInATaskOfItsOwn) {
  run(
      [] {
        Chan<TimePoint> called = make_chan<TimePoint>();
        const sched::Task* const self = sched::current_task();
        after_func(seconds(4), [=] {
          EXPECT_NE(sched::current_task(), self);
          called.send(now());
        });
        EXPECT_EQ(called.recv(), TimePoint(seconds(4)));
      },
      &clock_);
}

TEST_P(TimerTest, AFunctionCanBeStoppedAndSetAgain) {
  run(
      [] {
        Chan<TimePoint> called = make_chan<TimePoint>(4);
        FuncTimer timer = after_func(seconds(4), [=] { called.send(now()); });
        EXPECT_TRUE(timer.stop());
        EXPECT_FALSE(timer.stop());
        sleep(seconds(10));
        EXPECT_EQ(called.len(), 0u);
        EXPECT_FALSE(timer.reset(seconds(2)));
        EXPECT_TRUE(timer.reset(seconds(3)));
        EXPECT_TRUE(timer.reset(seconds(1)));
        EXPECT_EQ(called.recv(), TimePoint(seconds(11)));
        EXPECT_FALSE(timer.stop());
        EXPECT_FALSE(timer.reset(seconds(1)));
        EXPECT_EQ(called.recv(), TimePoint(seconds(12)));
      },
      &clock_);
}

TEST_P(TimerTest, AFunctionThatSetsItselfAgainGoesOn) {
  run(
      [] {
        struct Chain {
          int left = 50;
          Chan<TimePoint> done = make_chan<TimePoint>();
          void step() {
            if (--left == 0) return done.send(now());
            after_func(milliseconds(20), [this] { step(); });
          }
        } chain;
        chain.step();
        EXPECT_EQ(chain.done.recv(), TimePoint(milliseconds(49 * 20)));
      },
      &clock_);
}

TEST_P(TimerTest, WhatAFunctionHoldsIsFreed) {
  run(
      [] {
        const auto witness = std::make_shared<int>(1);  // shared: its count is what is asked
        {
          FuncTimer stopped = after_func(hours(1), [witness] {});
          EXPECT_TRUE(stopped.stop());
        }
        EXPECT_EQ(witness.use_count(), 1);
        after_func(seconds(1), [witness] {});
        sleep(seconds(2));
        while (witness.use_count() != 1) yield();
      },
      &clock_);
}

TEST_P(TimerTest, AHandleOfNothingDoesNothing) {
  run([] {
    FuncTimer nothing;
    EXPECT_FALSE(nothing.stop());
    EXPECT_FALSE(nothing.reset(seconds(1)));
  });
}

TEST_P(TimerTest, EachTickAndEachTimerHasOneReceiver) {
  run(
      [] {
        Ticker ticker(milliseconds(1));
        std::atomic<int> received{0};
        WaitGroup group;
        for (int t = 0; t < 5; ++t) {
          group.go([&, c = ticker.c()] {
            for (int i = 0; i < 20; ++i) {
              c.recv();
              ++received;
            }
          });
        }
        group.wait();
        EXPECT_EQ(received, 100);
        EXPECT_EQ(now(), TimePoint(milliseconds(100)));
      },
      &clock_);
}

TEST_P(TimerTest, ASleeperDoesNotHideAnEarlierTimerThatComesLater) {
  run(
      [] {
        go([] { sleep(seconds(100)); });
        yield();
        Timer timer(seconds(50));
        timer.reset(seconds(1));
        EXPECT_EQ(timer.c().recv(), TimePoint(seconds(1)));
        Ticker ticker(hours(1));
        ticker.reset(seconds(2));
        EXPECT_EQ(ticker.c().recv(), TimePoint(seconds(3)));
        sleep(seconds(100));
      },
      &clock_);
}

// By the real clock from here on.

// Timers that set themselves again at once must leave room for tasks, and for each other.
TEST_P(TimerTest, TimersThatAlwaysFireStarveNobody) {
  run([] {
    std::atomic<bool> stop{false};
    std::atomic<int> ended{0};
    std::function<void()> again = [&] {
      stop ? static_cast<void>(++ended) : static_cast<void>(after_func(seconds(0), again));
    };
    for (int i = 0; i < 3; ++i) after_func(seconds(0), again);
    for (int i = 0; i < 50; ++i) sleep(microseconds(20));
    stop = true;
    while (ended != 3) yield();
  });
}

TEST_P(TimerTest, SleepsOfNoLengthLeaveTheOthersRunning) {
  run([] {
    WaitGroup group;
    for (int t = 0; t < 8; ++t) {
      group.go([] {
        for (int i = 0; i < 100; ++i) sleep(seconds(0));
      });
    }
    group.wait();
  });
}

TEST_P(TimerTest, TickersThatAreStoppedWhileTheyFireStayStopped) {
  run([] {
    for (int round = 0; round < sized(100); ++round) {
      Ticker ticker(microseconds(3));
      WaitGroup group;
      group.go([&, c = ticker.c()] { c.recv(); });
      group.go([&] {
        for (int i = 0; i < 5; ++i) ticker.reset(microseconds(2 + i));
      });
      group.wait();
      ticker.stop();
      EXPECT_EQ(ticker.c().try_recv(), std::nullopt);
      sleep(microseconds(10));
      EXPECT_EQ(ticker.c().try_recv(), std::nullopt);
    }
  });
}

TEST_P(TimerTest, NothingFiresEarly) {
  run([] {
    WaitGroup group;
    for (int t = 0; t < 16; ++t) {
      group.go([t] {
        for (int i = 0; i < sized(40); ++i) {
          const microseconds delay(t * 37 + i % 11);
          const auto begin = std::chrono::steady_clock::now();
          switch (t % 3) {
            case 0:
              sleep(delay);
              break;
            case 1:
              Timer(delay).c().recv();
              break;
            default: {
              auto [ctx, cancel] = with_cancel(background());
              EXPECT_TRUE(sleep(ctx, delay));
            }
          }
          EXPECT_GE(std::chrono::steady_clock::now() - begin, delay);
        }
      });
    }
    group.wait();
  });
}

// Workers that run all the time and ones that sleep: whatever queue a timer is in, it fires.
TEST_P(TimerTest, TimersOfBusyAndIdleWorkersAllFire) {
  run([] {
    std::atomic<int> fired{0};
    constexpr int kTasks = 64;
    constexpr int kEach = sized(64);
    WaitGroup group;
    for (int t = 0; t < kTasks; ++t) {
      group.go([&, t] {
        for (int i = 0; i < kEach; ++i) {
          after_func(microseconds((t * 31 + i * 17) % 900), [&] { ++fired; });
          if (i % 8 == 0) sleep(microseconds(t));
          if (i % 3 == 0) yield();
        }
      });
    }
    group.wait();
    while (fired != kTasks * kEach) sleep(microseconds(100));
  });
}

// Stop, reset and fire of the same timers by many tasks: a function runs exactly as often as it was
// set and not stopped.
TEST_P(TimerTest, EveryStartIsEitherStoppedOrFires) {
  run([] {
    constexpr int kTasks = 8;
    constexpr int kRounds = sized(2000);
    std::atomic<std::int64_t> started{0};
    std::atomic<std::int64_t> stopped{0};
    std::atomic<std::int64_t> fired{0};
    WaitGroup group;
    for (int t = 0; t < kTasks; ++t) {
      group.go([&, t] {
        std::mt19937 random(static_cast<std::uint32_t>(t) + 1);
        for (int i = 0; i < kRounds; ++i) {
          FuncTimer timer = after_func(microseconds(random() % 30), [&] { ++fired; });
          ++started;
          if (random() % 4 == 0) yield();
          if (random() % 2 == 0 && !timer.reset(microseconds(random() % 30))) ++started;
          if (random() % 3 == 0) std::this_thread::yield();
          if (random() % 2 == 0 && timer.stop()) ++stopped;
        }
      });
    }
    group.wait();
    while (fired != started - stopped) sleep(microseconds(100));
    EXPECT_GT(stopped, 0);
    EXPECT_GT(fired, 0);
  });
}

// Two tasks that stop and reset one timer while it fires and a third receives.
TEST_P(TimerTest, AStoppedTimersChannelIsEmptyWhoeverElseUsedIt) {
  run([] {
    for (int round = 0; round < sized(2000); ++round) {
      Timer timer(microseconds(round % 5));
      WaitGroup group;
      group.go([&] { timer.reset(microseconds(round % 3)); });
      group.go([c = timer.c()] { static_cast<void>(c.try_recv()); });
      if (round % 2 == 0) yield();
      group.wait();
      timer.stop();
      EXPECT_EQ(timer.c().try_recv(), std::nullopt);
      EXPECT_FALSE(timer.stop());
    }
  });
}

TEST_P(TimerTest, ForeignThreadsMayUseTimers) {
  run([] {
    Chan<int> called = make_chan<int>(1);
    std::thread thread([called] {
      after_func(microseconds(200), [called] { called.send(1); });
      FuncTimer never = after_func(hours(1), [] { ADD_FAILURE(); });
      EXPECT_TRUE(never.reset(hours(2)));
      EXPECT_TRUE(never.stop());
    });
    EXPECT_EQ(called.recv(), 1);
    thread.join();
  });
}

// Everybody sleeps, to a later deadline; the timer is in the queue of some worker.
TEST_P(TimerTest, ForeignThreadsMayMakeATimerOfAnyWorkerFireSooner) {
  run([&] {
    struct Made {
      std::unique_ptr<Timer> timer;
      std::uint32_t worker = 0;
    };
    std::vector<Made> made(workers());
    std::atomic<std::uint32_t> running{0};
    WaitGroup group;
    for (Made& mine : made) {
      group.go([&] {
        ++running;
        while (running != workers()) base::spin_pause();
        // Without a worker, because it spun for too long, it is the first worker's.
        const sched::Worker* const worker = sched::current_worker();
        mine = {std::make_unique<Timer>(hours(1)), worker == nullptr ? 0 : worker->index()};
      });
    }
    group.wait();
    const Made& last = *std::max_element(
        made.begin(), made.end(), [](const Made& a, const Made& b) { return a.worker < b.worker; });
    sched::Scheduler& scheduler = sched::current_thread()->scheduler();
    std::thread outside([&] {
      while (scheduler.idle().count() != scheduler.worker_count()) sched_yield();
      EXPECT_TRUE(last.timer->reset(milliseconds(10)));
    });
    EXPECT_TRUE(last.timer->c().recv());
    outside.join();
  });
}

TEST_P(TimerTest, TimersThatOutliveTheirRunAreNotPendingInTheNext) {
  std::optional<Timer> timer;
  FuncTimer function;
  run([&] {
    timer.emplace(hours(1));
    function = after_func(hours(1), [] { ADD_FAILURE(); });
  });
  run([&] {
    EXPECT_TRUE(timer->stop()) << "left pending";
    EXPECT_TRUE(function.stop());
    EXPECT_FALSE(timer->stop());
    EXPECT_FALSE(function.stop());
    EXPECT_FALSE(timer->reset(microseconds(1)));
    EXPECT_TRUE(timer->c().recv());
  });
  timer.reset();
}

TEST_P(TimerTest, ManyTimersWithTheSameDeadlinesAllFire) {
  run(
      [] {
        constexpr int kMany = sized(200'000);
        std::atomic<int> fired{0};
        std::mt19937 random(99);
        std::printf("seed 99\n");
        std::vector<FuncTimer> timers;
        for (int i = 0; i < kMany; ++i) {
          timers.push_back(after_func(milliseconds(random() % 100 + 1), [&] { ++fired; }));
        }
        int expected = kMany;
        for (int i = 0; i < kMany; i += 3) expected -= timers[static_cast<std::size_t>(i)].stop();
        for (int i = 1; i < kMany; i += 3) {
          EXPECT_TRUE(timers[static_cast<std::size_t>(i)].reset(milliseconds(random() % 200 + 1)));
        }
        sleep(seconds(1));
        while (fired != expected) yield();
        EXPECT_EQ(earliest_ns(), sched::Timers::kNever);
      },
      &clock_);
}

TEST_P(TimerTest, ManyTasksMayResetAndStopOneTimer) {
  run(
      [] {
        Timer timer(hours(1));
        FuncTimer function = after_func(hours(1), [] { ADD_FAILURE(); });
        WaitGroup group;
        for (int i = 0; i < 8; ++i) {
          group.go([&, i] {
            for (int k = 0; k < sized(1000); ++k) {
              timer.reset(hours(1) + std::chrono::nanoseconds(i * k));
              function.reset(hours(1) + std::chrono::nanoseconds(i * k));
            }
          });
          group.go([&] {
            timer.stop();
            function.stop();
          });
        }
        group.wait();
        function.stop();
        // Whatever they did, it is one timer, which fires once.
        timer.reset(seconds(1));
        EXPECT_EQ(timer.c().recv(), TimePoint(seconds(1)));
        EXPECT_EQ(timer.c().try_recv(), std::nullopt);
        EXPECT_FALSE(timer.stop());
      },
      &clock_);
}

TASKSCOPE_AT_ALL_WORKER_COUNTS(TimerTest);

TEST(TimerDeathTest, TimersNeedARun) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto says = [](const char* sentence) {
    return ::testing::HasSubstr(std::string("fatal error: ") + sentence + '\n');
  };
  constexpr const char* kStarted =
      "a timer was started while no ts::run is active: make and reset timers, and contexts with a "
      "deadline, inside ts::run";
  EXPECT_EXIT(Timer(seconds(1)), ::testing::ExitedWithCode(2), says(kStarted));
  EXPECT_EXIT(static_cast<void>(with_timeout(background(), seconds(1))),
              ::testing::ExitedWithCode(2), says(kStarted));
  EXPECT_EXIT(
      {
        std::optional<Timer> timer;
        ts::run([&] { timer.emplace(hours(1)); }, {.workers = 1});
        timer->reset(seconds(1));
      },
      ::testing::ExitedWithCode(2), says(kStarted));
  EXPECT_EXIT(
      {
        static constexpr sched::TimerType kType{.fire = [](sched::Timer&) {}};
        sched::Timer timer(kType);
        sched::reset_timer(timer, 1);
      },
      ::testing::ExitedWithCode(2),
      says("a timer was reset while no ts::run is active: set deadlines inside ts::run"));
}

}  // namespace
}  // namespace taskscope::test
