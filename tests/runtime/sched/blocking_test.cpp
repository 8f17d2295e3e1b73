// Calls that block the thread: the worker goes on with other tasks.
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>

#include "runtime/base/clock.h"
#include "tests/runtime/net/net_test_support.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"

namespace taskscope {
namespace {

using trace_format::EventKind;

class BlockingTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(BlockingTest);

// A pipe that a task reads with a blocking call.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe(ends_.data()), 0); }
  ~Pipe() {
    close(ends_[0]);
    close(ends_[1]);
  }
  char read_one() const {
    char byte = 0;
    EXPECT_EQ(read(ends_[0], &byte, 1), 1);
    return byte;
  }
  void write_one(char byte) const { EXPECT_EQ(write(ends_[1], &byte, 1), 1); }

 private:
  std::array<int, 2> ends_{};
};

TEST_P(BlockingTest, ReturnsWhatTheFunctionReturnsAndPassesExceptions) {
  run([] {
    EXPECT_EQ(blocking([] { return 7; }), 7);
    int value = 1;
    int& same = blocking([&]() -> int& { return value; });
    EXPECT_EQ(&same, &value);
    EXPECT_THROW(blocking([] { throw std::runtime_error("through"); }), std::runtime_error);
    EXPECT_EQ(blocking_long([] { return std::string("long"); }), "long");
  });
  EXPECT_EQ(blocking([] { return 3; }), 3);  // no task's thread
}

// As if the system gave no more of them.
TEST_P(BlockingTest, WithoutMoreThreadsTasksWaitForThoseThatThereAre) {
  testing::internal::CaptureStderr();
  const std::size_t most = workers() + 2;
  const auto stats = run([&] {
    sched::current_thread()->scheduler().set_threads_max(most);
    std::atomic<std::size_t> inside{0};
    std::atomic<int> done{0};
    WaitGroup group;
    for (int i = 0; i < 30; ++i) {
      group.go([&] {
        blocking_long([&] {
          ++inside;
          while (inside < most) sched_yield();  // every thread is in a call then
        });
        ++done;
      });
    }
    group.wait();
    EXPECT_EQ(done, 30);
  });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_LE(stats.threads, most);
  EXPECT_NE(said.find("no thread can be started for a worker beside " + std::to_string(most)),
            std::string::npos)
      << said;
  EXPECT_EQ(said.find("no thread", said.find("no thread") + 1), std::string::npos) << "once";
}

TEST_P(BlockingTest, MoreCallsThanWorkersKeepNobodyWaiting) {
  constexpr int kCalls = 12;
  const auto stats = run([] {
    Pipe pipe;
    std::atomic<int> inside{0};
    WaitGroup group;
    for (int i = 0; i < kCalls; ++i) {
      group.go([&] {
        blocking([&] {
          ++inside;
          pipe.read_one();
        });
      });
    }
    // All of them block their threads, and main still runs.
    while (inside < kCalls) yield();
    for (int i = 0; i < kCalls; ++i) pipe.write_one('x');
    group.wait();
  });
  EXPECT_GE(stats.threads, static_cast<std::uint64_t>(kCalls));
}

TEST_P(BlockingTest, ThreadsAreUsedAgain) {
  const auto stats = run([] {
    Pipe pipe;
    for (int round = 0; round < 50; ++round) {
      WaitGroup group;
      for (int i = 0; i < 4; ++i) {
        group.go([&] { blocking_long([&] { pipe.read_one(); }); });
      }
      for (int i = 0; i < 4; ++i) pipe.write_one('x');
      group.wait();
    }
  });
  // Those in calls, those that drive workers, and one that is about to sleep for each of both.
  EXPECT_LE(stats.threads, 2u * (4 + workers() + 1));
}

TEST_P(BlockingTest, CallsMayBeNestedAndUseTheRuntime) {
  run([] {
    auto chan = make_chan<int>(1);
    auto hand = make_chan<int>();
    WaitGroup group;
    std::atomic<int> ran{0};
    blocking([&] {
      blocking([&] { chan.send(1); });
      group.go([&] { ++ran; });
      group.go([&] { hand.send(2); });
      EXPECT_EQ(hand.recv(), 2);  // waits inside the call
      yield();
      blocking_long([&] { group.go([&] { ++ran; }); });
    });
    EXPECT_EQ(chan.recv(), 1);
    group.wait();
    EXPECT_EQ(ran, 2);
  });
}

TEST_P(BlockingTest, ShortCallsInALoopDoNotStarveOthers) {
  run([] {
    std::atomic<bool> stop{false};
    WaitGroup group;
    group.go([&] {
      while (!stop) blocking([] { return getppid(); });
    });
    for (int i = 0; i < 10; ++i) yield();
    stop = true;
    group.wait();
  });
}

// A call of either length, made by the only task that can run, that ends when `happened`.
template <class Happened>
void call_until(bool is_long, Happened happened) {
  const auto call = [&] {
    while (!happened()) sched_yield();
  };
  is_long ? blocking_long(call) : blocking(call);
}

TEST_P(BlockingTest, TheWorkerOfACallStillLooksAtTheClock) {
  for (const bool is_long : {false, true}) {
    run([&] {
      std::atomic<bool> slept{false};
      go([&] {
        sleep(std::chrono::milliseconds(1));
        slept = true;
      });
      // On a busy machine it may have slept before it is looked at.
      while (test::blocked_tasks() == 0 && !slept) yield();
      call_until(is_long, [&] { return slept.load(); });
    });
  }
}

TEST_P(BlockingTest, TheWorkerOfACallStillLooksAtDescriptors) {
  for (const bool is_long : {false, true}) {
    run([&] {
      const test::Ends ends = test::connect_here();
      std::array<char, 1> byte{'x'};
      std::atomic<bool> came{false};
      go([&] {
        std::array<char, 1> got{};
        EXPECT_TRUE(ends.server.read_full(got));
        came = true;
      });
      test::wait_until_blocked(1);
      // The task writes before the call, so that nothing but the poller can end the other's wait.
      EXPECT_TRUE(ends.client.write_all(byte));
      call_until(is_long, [&] { return came.load(); });
    });
  }
}

TEST_P(BlockingTest, TheTraceSaysWhenAWorkerWasHandedOn) {
  test::FakeRecorder recorder;
  run([] {
    Pipe pipe;
    WaitGroup group;
    for (int i = 0; i < 10; ++i) {
      group.go("reader", [&] {
        blocking_long([&] { pipe.read_one(); });
        blocking([] {});
        yield();
      });
    }
    for (int i = 0; i < 10; ++i) pipe.write_one('x');
    group.wait();
    blocking([&] { pipe.write_one('y'); });
    blocking([&] { go([] {}); });
    pipe.read_one();
  });
  recorder.receive();
  test::Rings rings;
  recorder.drain_into(rings);
  const test::TraceTotals totals = test::check_trace(rings);
  EXPECT_EQ(totals.of(EventKind::Syscall), 22u);
  EXPECT_GE(totals.of(EventKind::Handoff), 11u);
  EXPECT_EQ(totals.tasks_done, 12u);
}

// The end of the run does not wait for a call that never returns.
TEST(BlockingDeathTest, ACallThatNeverReturnsDoesNotKeepTheProgramAlive) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        sched::RunStats stats;
        Pipe pipe;
        const int result = ts::run(
            [&] {
              std::atomic<bool> inside{false};
              go([&] {
                blocking([&] {
                  inside = true;
                  pipe.read_one();
                });
              });
              while (!inside) yield();
              return 5;
            },
            {.workers = 2, .stats = &stats});
        // A second run is none the worse for it.
        ts::run([] {
          WaitGroup group;
          for (int i = 0; i < 100; ++i) group.go([] { yield(); });
          group.wait();
        });
        std::_Exit(stats.threads_abandoned ? result : 99);
      },
      ::testing::ExitedWithCode(5), "");
}

}  // namespace
}  // namespace taskscope
