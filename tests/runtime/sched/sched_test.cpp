#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/base/spin.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using test::sized;

class SchedTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SchedTest);

TEST_P(SchedTest, RunReturnsWhatMainReturns) {
  EXPECT_EQ(ts::run([] { return 42; }, {.workers = workers()}), 42);
  EXPECT_EQ(ts::run([] {}, {.workers = workers()}), 0);
}

TEST_P(SchedTest, RunsMayFollowOneAnother) {
  for (int i = 0; i < 30; ++i) {
    int value = 0;
    run([&] {
      WaitGroup group;
      group.go([&] { value = i; });
      group.wait();
    });
    ASSERT_EQ(value, i);
  }
}

TEST_P(SchedTest, EveryTaskRunsExactlyOnce) {
  const int count = sized(100'000);
  std::vector<std::atomic<int>> ran(static_cast<std::size_t>(count));
  const auto stats = run([&] {
    WaitGroup group;
    for (auto& counter : ran) {
      group.go([&counter] { counter.fetch_add(1, std::memory_order_relaxed); });
    }
    group.wait();
  });
  for (const auto& counter : ran) ASSERT_EQ(counter, 1);
  EXPECT_EQ(stats.tasks_spawned, static_cast<std::uint64_t>(count) + 1);
}

TEST_P(SchedTest, TasksStartedByTasksRunToo) {
  std::atomic<int> leaves{0};
  run([&] {
    WaitGroup group;
    const std::function<void(int)> grow = [&](int depth) {
      if (depth == 0) {
        ++leaves;
        return;
      }
      for (int i = 0; i < 4; ++i) group.go([&grow, depth] { grow(depth - 1); });
    };
    grow(6);
    group.wait();
  });
  EXPECT_EQ(leaves, 4096);
}

TEST_P(SchedTest, ClosuresMayBeMoveOnlyLargeOrOveraligned) {
  run([] {
    WaitGroup group;
    auto owned = std::make_unique<int>(1);
    std::array<char, 4000> large;
    large.fill('x');
    struct alignas(128) Aligned {
      int value = 3;
    } aligned;
    std::atomic<int> sum{0};
    group.go([&, owned = std::move(owned)] { sum += *owned; });
    group.go([&sum, large] { sum += large.back() == 'x' ? 2 : 0; });
    group.go([&sum, aligned] {
      sum += reinterpret_cast<std::uintptr_t>(&aligned) % 128 == 0 ? aligned.value : 0;
    });
    group.wait();
    EXPECT_EQ(sum, 6);
  });
}

TEST_P(SchedTest, AClosureIsDestroyedBeforeItsTaskIsDone) {
  bool destroyed = false;
  run([&] {
    auto at_end = [&destroyed](int*) { destroyed = true; };
    int value = 1;
    std::unique_ptr<int, decltype(at_end)> owned(&value, at_end);
    auto done = make_chan<int>();
    go([owned = std::move(owned), done] { done.send(*owned); });
    EXPECT_EQ(done.recv(), 1);
    // The fixture waits until main is alone.
  });
  EXPECT_TRUE(destroyed);
}

TEST_P(SchedTest, AClosureWhoseCopyThrowsStartsNothing) {
  struct Throws {
    Throws() = default;
    Throws(const Throws&) { throw std::runtime_error("copy"); }
    void operator()() const {}
  };
  const auto stats = run([] {
    const Throws closure;
    EXPECT_THROW(go(closure), std::runtime_error);
  });
  EXPECT_EQ(stats.tasks_spawned, 1u);
}

TEST_P(SchedTest, DeepStacksFit) {
  run([] {
    WaitGroup group;
    for (int i = 0; i < 4; ++i) {
      group.go([] {
        volatile char deep[TASKSCOPE_ASAN || TASKSCOPE_TSAN ? 50'000 : 200'000];
        deep[0] = 1;
        deep[sizeof deep - 1] = 2;
        yield();
        EXPECT_EQ(deep[0] + deep[sizeof deep - 1], 3);
      });
    }
    group.wait();
  });
}

TEST_P(SchedTest, YieldLetsTheOthersOfTheWorkerGoFirst) {
  if (workers() != 1) GTEST_SKIP() << "the order is certain with one worker only";
  std::string order(9, ' ');
  run([&] {
    WaitGroup group;
    std::atomic<std::size_t> next{0};
    for (const char name : {'a', 'b', 'c'}) {
      group.go([&, name] {
        for (int i = 0; i < 3; ++i) {
          order[next++] = name;
          yield();
        }
      });
    }
    group.wait();
  });
  for (std::size_t i = 3; i < 9; ++i) EXPECT_EQ(order[i], order[i - 3]) << order;
}

TEST_P(SchedTest, TwoTasksThatHandOverToEachOtherDoNotStarveAThird) {
  std::atomic<bool> stop{false};
  run([&] {
    auto ping = make_chan<int>();
    auto pong = make_chan<int>();
    WaitGroup group;
    group.go([&] {
      for (;;) {
        ping.send(1);
        if (!pong.recv()) return;
      }
    });
    group.go([&] {
      while (ping.recv()) {
        if (stop) return pong.close();
        pong.send(1);
      }
    });
    group.go([&] { stop = true; });
    group.wait();
  });
}

TEST_P(SchedTest, WorkersShareTheWork) {
  if (workers() == 1) GTEST_SKIP() << "needs a second worker";
  run([] {
    // Both tasks spin until the other has started, so they must run at the same time.
    std::atomic<int> started{0};
    WaitGroup group;
    for (int i = 0; i < 2; ++i) {
      group.go([&] {
        ++started;
        while (started < 2) std::this_thread::yield();
      });
    }
    group.wait();
  });
}

TEST_P(SchedTest, ATaskMadeReadyByABusyOneIsPickedUpByAnIdleWorker) {
  if (workers() == 1) GTEST_SKIP() << "needs a second worker";
  run([] {
    for (int i = 0; i < sized(400); ++i) {
      auto chan = make_chan<int>();
      std::atomic<bool> received{false};
      go([&, chan] {
        chan.recv();
        received = true;
      });
      test::wait_until_blocked(1);
      chan.send(1);
      while (!received) std::this_thread::yield();  // never gives its worker back
    }
  });
}

// Bursts of work with quiet times of about the length of a worker's falling asleep in between:
// where wake-ups get lost.
TEST_P(SchedTest, NoWakeUpIsLostAroundFallingAsleep) {
  run([] {
    for (std::uint32_t seed = 1; seed <= 3; ++seed) {
      std::mt19937 random(seed);
      auto jobs = make_chan<int>();
      auto done = make_chan<int>(16);
      for (int w = 0; w < 4; ++w) {
        go([jobs, done] {
          for (int job : jobs) done.send(job);
        });
      }
      for (int round = 0; round < sized(1500); ++round) {
        const int burst = static_cast<int>(random() % 4) + 1;
        for (int i = 0; i < burst; ++i) jobs.send(i);
        for (int i = 0; i < burst; ++i) done.recv();
        for (std::uint32_t pauses = random() % 1000; pauses > 0; --pauses) base::spin_pause();
        if (round % 50 == 0) sleep(microseconds(random() % 200));
      }
      jobs.close();
    }
  });
}

TEST_P(SchedTest, SleepNeverEndsEarly) {
  run([] {
    WaitGroup group;
    for (int i = 0; i < 50; ++i) {
      group.go([i] {
        const auto before = base::monotonic_ns();
        sleep(microseconds(i * 100));
        EXPECT_GE(base::monotonic_ns() - before, std::int64_t{i} * 100'000);
      });
    }
    group.wait();
    sleep(microseconds(0));
    sleep(microseconds(-5));
  });
}

TEST_P(SchedTest, AShorterSleepOvertakesALongerOneOnAnIdleWorker) {
  const int result = ts::run(
      [] {
        go([] { sleep(std::chrono::hours(1)); });  // is abandoned
        test::wait_until_blocked(1);
        auto woke = make_chan<int>();
        go([woke] {
          sleep(milliseconds(1));
          woke.send(1);
        });
        return woke.recv().value_or(0);
      },
      {.workers = workers()});
  EXPECT_EQ(result, 1);
}

// An exception in flight belongs to the task that handles it, whatever the thread does meanwhile.
TEST_P(SchedTest, ATaskMayWaitInsideACatchBlock) {
  run([] {
    WaitGroup group;
    for (int t = 0; t < 20; ++t) {
      group.go([t] {
        try {
          throw std::runtime_error(std::to_string(t));
        } catch (const std::runtime_error& outer) {
          for (int i = 0; i < 5; ++i) yield();
          try {
            throw std::logic_error(std::to_string(t + 100));
          } catch (const std::logic_error& inner) {
            sleep(microseconds(t % 3 * 100));
            EXPECT_EQ(inner.what(), std::to_string(t + 100));
          }
          EXPECT_EQ(outer.what(), std::to_string(t));
          try {
            throw;
          } catch (const std::runtime_error& again) {
            EXPECT_EQ(again.what(), std::to_string(t));
          }
        }
        EXPECT_EQ(std::uncaught_exceptions(), 0);
      });
    }
    group.wait();
  });
}

TEST_P(SchedTest, OtherThreadsMayStartTasks) {
  const auto stats = run([] {
    std::atomic<int> ran{0};
    WaitGroup group;
    group.add(100);
    std::thread outside([&] {
      for (int i = 0; i < 100; ++i) {
        go("foreign", [&] {
          ++ran;
          group.done();
        });
      }
    });
    group.wait();
    outside.join();
    EXPECT_EQ(ran, 100);
  });
  EXPECT_EQ(stats.tasks_spawned, 101u);
}

// Starts its like until `stop`: the queue of whoever runs it is never empty.
void relay(WaitGroup& group, const std::atomic<bool>& stop) {
  if (stop) return;
  group.go([&] { relay(group, stop); });
}

TEST_P(SchedTest, TheGlobalQueueIsLookedAtHoweverBusyTheLocalOnesAre) {
  run([this] {
    std::atomic<bool> stop{false};
    WaitGroup relays;
    for (unsigned i = 0; i < 3 * workers(); ++i) relay(relays, stop);
    WaitGroup foreign;
    foreign.add(100);
    // What another thread starts is queued globally.
    std::thread outside([&] {
      for (int i = 0; i < 100; ++i) go("foreign", [&] { foreign.done(); });
    });
    foreign.wait();
    stop = true;
    relays.wait();
    outside.join();
  });
}

TEST_P(SchedTest, AWaitThatOnlyAnotherThreadCanEndIsNoDeadlock) {
  run([] {
    auto chan = make_chan<int>();
    const sched::Scheduler& scheduler = sched::current_thread()->scheduler();
    std::thread outside([chan, &scheduler] {
      while (!scheduler.all_asleep()) std::this_thread::yield();
      chan.close();
    });
    EXPECT_EQ(chan.recv(), std::nullopt);
    outside.join();
  });
}

// While main yields it is in no queue. A worker that searches just then finds nothing and falls
// asleep; it must be told, because the task that runs instead of main never yields.
TEST_P(SchedTest, AYieldedTaskNeverWaitsForABusyWorkerWhileAnotherIsIdle) {
  if (workers() == 1) GTEST_SKIP() << "one worker has nobody to tell";
  run([] {
    for (int round = 0; round < sized(400); ++round) {
      std::atomic<bool> released{false};
      WaitGroup group;
      group.go([&] {
        while (!released.load()) base::spin_pause();
      });
      // The searching worker's last look comes some 10 µs after it woke: meet it anywhere.
      for (int i = 0; i < round * 7 % 600; ++i) base::spin_pause();
      yield();
      released = true;
      group.wait();
    }
  });
}

TEST_P(SchedTest, TasksThatOutliveMainAreAbandoned) {
  sched::RunStats stats;
  int result = ts::run(
      [] {
        for (int i = 0; i < 10; ++i) {
          go("waits", [] { Chan<int>().recv(); });
        }
        test::wait_until_blocked(10);
        return 7;
      },
      {.workers = workers(), .stats = &stats});
  EXPECT_EQ(result, 7);
  EXPECT_EQ(stats.tasks_abandoned, 10u);
  EXPECT_EQ(stats.stacks_in_use, 10u);
}

TEST(WorkerCount, TheOptionWinsOverTheEnvironment) {
  setenv("TASKSCOPE_WORKERS", "3", 1);
  EXPECT_EQ(sched::worker_count({}), 3u);
  EXPECT_EQ(sched::worker_count({.workers = 5}), 5u);
  EXPECT_EQ(sched::worker_count({.workers = 1024}), 1024u);
  unsetenv("TASKSCOPE_WORKERS");
  EXPECT_GE(sched::worker_count({}), 1u);
}

TEST(WorkerCountDeathTest, ANumberThatCannotBeHadEndsTheProgramWithASentence) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const char* value : {"", "0", "x", "-1", "4x", "100000", "99999999999999999999"}) {
    SCOPED_TRACE(value);
    EXPECT_EXIT(
        {
          setenv("TASKSCOPE_WORKERS", value, 1);
          ts::run([] {});
        },
        ::testing::ExitedWithCode(2),
        ::testing::HasSubstr(std::string("taskscope: TASKSCOPE_WORKERS=") + value +
                             " is not a number from 1 to 1024: give one, or unset it"));
  }
  for (const std::uint32_t count : {1025u, 5000u, 0xffff'ffffu}) {
    EXPECT_EXIT(
        ts::run([] {}, {.workers = count}), ::testing::ExitedWithCode(2),
        ::testing::HasSubstr("fatal error: RunOptions::workers is " + std::to_string(count) +
                             ": a run has from 1 to 1024 workers; give one of these, or 0 "
                             "for as many as the processors allow\n"));
  }
}

// A task that never reaches a scheduling point must not keep the program from ending.
TEST(AbandonDeathTest, AHogDoesNotKeepTheProgramAlive) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        sched::RunStats stats;
        const int result = ts::run(
            [] {
              std::atomic<bool> started{false};
              go([&] {
                started = true;
                for (;;) base::spin_pause();
              });
              while (!started) std::this_thread::yield();
              return 5;
            },
            {.workers = 2, .stats = &stats});
        std::_Exit(stats.threads_abandoned ? result : 99);
      },
      ::testing::ExitedWithCode(5), "");
}

// Leaves a thread a small share of one processor, until more than the second is over for which the
// end of a run waits for threads that are not starved.
class Starvation {
 public:
  Starvation() {
    cpu_set_t allowed;
    sched_getaffinity(0, sizeof allowed, &allowed);
    CPU_ZERO(&one_);
    for (int i = 0; CPU_COUNT(&one_) == 0; ++i) {
      if (CPU_ISSET(i, &allowed)) CPU_SET(i, &one_);
    }
    const std::int64_t end = base::monotonic_ns() + 1'500'000'000;
    for (std::thread& hog : hogs_) {
      hog = std::thread([this, end] {
        sched_setaffinity(0, sizeof one_, &one_);
        while (base::monotonic_ns() < end) base::spin_pause();
      });
    }
  }
  ~Starvation() {
    for (std::thread& hog : hogs_) hog.join();
  }
  Starvation(const Starvation&) = delete;
  Starvation& operator=(const Starvation&) = delete;

  // The calling thread is to starve.
  void take_part() const {
    setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 10);
    sched_setaffinity(0, sizeof one_, &one_);
  }

 private:
  cpu_set_t one_{};
  std::array<std::thread, 3> hogs_;
};

std::int64_t processor_time_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000 + time.tv_nsec;
}

// A task that would soon reach a scheduling point, if its thread had a processor, is waited for.
TEST(Abandon, AThreadThatGetsNoProcessorIsWaitedFor) {
  const Starvation starvation;
  std::atomic<bool> done{false};
  sched::RunStats stats;
  ts::run(
      [&] {
        std::atomic<bool> started{false};
        go([&] {
          started = true;
          starvation.take_part();
          // With some 3 % of a processor, or less beside others: more than a second.
          const std::int64_t end = processor_time_ns() + 45'000'000;
          while (processor_time_ns() < end) base::spin_pause();
          done = true;
        });
        while (!started) std::this_thread::yield();
      },
      {.workers = 2, .stats = &stats});
  EXPECT_FALSE(stats.threads_abandoned);
  EXPECT_TRUE(done);
  while (!done) std::this_thread::yield();  // it refers to what lies here
}

}  // namespace
}  // namespace taskscope
