// Tasks that run too long: their worker goes on without them.
#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/sched/thread.h"
#include "tests/runtime/net/net_test_support.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"

namespace taskscope {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using trace_format::EventKind;

class PreemptTest : public test::RuntimeTest {
 protected:
  void SetUp() override {
    // Its handlers run at the next call into the C library, which these loops do not have.
    if (TASKSCOPE_TSAN) GTEST_SKIP() << "ThreadSanitizer delays signals";
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(PreemptTest);

// A loop without any call, until somebody else ends it.
void spin_until(const std::atomic<bool>& stop) {
  while (!stop.load(std::memory_order_relaxed)) {
  }
}

void start_hogs(WaitGroup& group, std::uint32_t count, const std::atomic<bool>& stop) {
  for (std::uint32_t i = 0; i < count; ++i) {
    group.go("hog", [&stop] { spin_until(stop); });
  }
}

// Neither of the two runs for long; together they would keep the worker for 256 turns.
TEST_P(PreemptTest, TasksThatHandOverToEachOtherShareOneSlice) {
  run([] {
    constexpr int kRounds = 150;  // of two turns
    auto ping = make_chan<int>();
    auto pong = make_chan<int>();
    std::atomic<int> turns{0};
    std::atomic<int> waited{-1};  // in turns
    const auto compute = [&] {
      const std::int64_t end = base::monotonic_ns() + 500'000;
      while (base::monotonic_ns() < end) {
      }
      ++turns;
    };
    WaitGroup group;
    group.go([&] {
      for ([[maybe_unused]] int turn : ping) {
        compute();
        pong.send(0);
      }
    });
    group.go([&] {
      for (int i = 0; i < kRounds && waited < 0; ++i) {
        ping.send(0);
        pong.recv();
        if (i == 0) {
          group.go([&] {
            const int before = turns;
            yield();
            waited = turns - before;
          });
        }
        compute();
      }
      ping.close();
    });
    group.wait();
    EXPECT_LT(waited, 200);
  });
}

TEST_P(PreemptTest, TasksThatAreInCallsDoNotKeepOthersFromLosingTheirWorker) {
  if (workers() != 1) GTEST_SKIP() << "a thread for each call, once";
  run([] {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    WaitGroup calls;
    std::atomic<int> inside{0};
    constexpr int kCalls = 1'010;  // more than may lose their worker for computing
    for (int i = 0; i < kCalls; ++i) {
      calls.go([&] {
        blocking_long([&] {
          ++inside;
          char byte;
          EXPECT_EQ(read(ends[0], &byte, 1), 0);
        });
      });
    }
    while (inside != kCalls) yield();
    std::atomic<bool> stop{false};
    WaitGroup hog;
    start_hogs(hog, 1, stop);
    yield();  // comes back when the hog has lost the worker
    stop = true;
    hog.wait();
    close(ends[1]);
    calls.wait();
    close(ends[0]);
  });
}

// Rounds of one kind, as the hogs see them, and how long each took.
struct Rounds {
  static constexpr int kCount = 40;

  template <class Round>
  void go_round(Round round) {
    for (int i = 0; i < kCount; ++i) {
      const std::int64_t begun_ns = base::monotonic_ns();
      round();
      took_us.push_back((base::monotonic_ns() - begun_ns) / 1000);
      done.store(i + 1, std::memory_order_relaxed);
    }
  }
  bool over() const { return done.load(std::memory_order_relaxed) == kCount; }
  void print(std::uint32_t workers, const char* what) {
    std::sort(took_us.begin(), took_us.end());
    const auto at = [&](std::size_t percent) {
      return static_cast<long long>(took_us[(took_us.size() - 1) * percent / 100]);
    };
    std::printf("%u workers, as many hogs: %-20s %6lld us (median) %6lld (90 %%) %6lld (most)\n",
                workers, what, at(50), at(90), at(100));
  }

  std::atomic<int> done{0};
  std::vector<std::int64_t> took_us;
};

// The hogs never call anything, and end only when they have seen the others come to their end.
TEST_P(PreemptTest, TimersSocketsAndChannelsGoOnWhileEveryWorkerHasAHog) {
  Rounds timers;
  Rounds echoes;
  Rounds messages;
  std::atomic<std::uint32_t> without_worker{0};
  run([&] {
    const test::Ends ends = test::connect_here();
    auto ping = make_chan<int>();
    auto pong = make_chan<int>();
    std::atomic<std::uint32_t> hogs{0};
    WaitGroup group;
    for (std::uint32_t i = 0; i < workers(); ++i) {
      group.go("hog", [&] {
        ++hogs;
        while (!timers.over() || !echoes.over() || !messages.over()) {
        }
        if (sched::current_worker() == nullptr) ++without_worker;
      });
    }
    while (hogs != workers()) yield();
    group.go("echo", [&] {
      std::array<char, 8> buffer{};
      while (ends.server.read_full(buffer)) EXPECT_TRUE(ends.server.write_all(buffer));
    });
    group.go("pong", [&] {
      for (int value : ping) pong.send(value + 1);
    });
    WaitGroup rounds;
    rounds.go("timers", [&] { timers.go_round([] { sleep(milliseconds(1)); }); });
    rounds.go("sockets", [&] {
      echoes.go_round([&] {
        std::array<char, 8> buffer{};
        EXPECT_TRUE(ends.client.write_all(buffer));
        EXPECT_TRUE(ends.client.read_full(buffer));
      });
    });
    rounds.go("channels", [&] {
      messages.go_round([&] {
        ping.send(1);
        EXPECT_EQ(pong.recv(), 2);
      });
    });
    rounds.wait();
    ping.close();
    EXPECT_TRUE(ends.client.close());
    group.wait();
  });
  // Only main, the rounds and their partners needed a worker.
  EXPECT_GE(without_worker, 1u);
  timers.print(workers(), "a sleep of 1 ms");
  echoes.print(workers(), "a socket's echo");
  messages.print(workers(), "a channel's answer");
}

// A task that was moved while it held the C library's locks would keep them from all others.
TEST_P(PreemptTest, HogsLoseTheirWorkersInsideMallocAndStdioAndNobodyIsStuck) {
  const auto use_the_library = [](std::FILE* file) {
    for (const std::size_t bytes : {24, 3'000, 300'000}) {
      const std::vector<char> block(bytes, 'x');
      std::fwrite(block.data(), 1, 24, file);
    }
  };
  run([&] {
    std::FILE* const file = std::fopen("/dev/null", "w");
    ASSERT_NE(file, nullptr);
    Rounds others;
    std::atomic<std::uint32_t> hogs{0};
    WaitGroup group;
    for (std::uint32_t i = 0; i < workers(); ++i) {
      group.go("hog", [&] {
        ++hogs;
        while (!others.over()) {
          use_the_library(file);
          // Again and again: now and then it is inside that it loses its worker.
          if (sched::current_worker() == nullptr) yield();
        }
      });
    }
    while (hogs != workers()) yield();
    others.go_round([&] {
      sleep(microseconds(100));
      use_the_library(file);
    });
    group.wait();
    EXPECT_EQ(std::fclose(file), 0);
  });
}

TEST_P(PreemptTest, AHogMayDoEverythingWithoutAWorker) {
  std::atomic<int> children{0};
  const auto stats = run([&] {
    auto chan = make_chan<int>();
    auto full = make_chan<int>(1);
    WaitGroup group;
    for (std::uint32_t i = 0; i < workers(); ++i) {
      group.go("hog", [&] {
        // Long enough to be preempted, as the other hogs wait.
        const std::int64_t end = base::monotonic_ns() + 30'000'000;
        while (base::monotonic_ns() < end) {
        }
        group.go("child", [&] { ++children; });
        static_cast<void>(full.try_send(1));
        static_cast<void>(full.try_recv());
        chan.send(1);
        sleep(microseconds(10));
        yield();
      });
    }
    for (std::uint32_t i = 0; i < workers(); ++i) EXPECT_EQ(chan.recv(), 1);
    group.wait();
  });
  EXPECT_EQ(children, static_cast<int>(workers()));
  EXPECT_EQ(stats.tasks_spawned, 1 + 2u * workers());
}

TEST_P(PreemptTest, AHogThatEndsWithoutAWorkerLeavesNothing) {
  std::atomic<bool> stop{false};  // the hogs look at it after the main task has ended
  run([&] {
    for (std::uint32_t i = 0; i < workers(); ++i) go("hog", [&stop] { spin_until(stop); });
    sleep(milliseconds(30));
    stop = true;
  });
}

TEST_P(PreemptTest, TheLastWorkerThatIsHandedOnStillLooksAtTheClock) {
  ManualClock clock;
  run(
      [] {
        for (int i = 0; i < 5; ++i) {
          go([] {});
          // Long enough to be preempted, and then soon asleep: perhaps before the monitor has
          // handed the worker on.
          const std::int64_t end = base::monotonic_ns() + 11'000'000;
          while (base::monotonic_ns() < end) {
          }
          sleep(std::chrono::hours(1));
        }
      },
      &clock);
  EXPECT_EQ(clock.now(), TimePoint(std::chrono::hours(5)));
}

// While all wait the monitor sleeps, and only who ends that wakes it: here the thread that moves
// the clock.
TEST_P(PreemptTest, AHogThatALeapOfTheClockWakesLosesItsWorkerToo) {
  ManualClock clock;
  run(
      [&] {
        const auto& monitor = sched::current_thread()->scheduler().monitor();
        std::atomic<bool> ran{false};
        WaitGroup group;
        for (std::uint32_t i = 0; i < workers(); ++i) {
          group.go("hog", [&] {
            sleep(std::chrono::hours(1));
            EXPECT_FALSE(monitor.is_asleep());
            spin_until(ran);
          });
        }
        test::wait_until_blocked(workers());
        group.go("other", [&] {
          sleep(std::chrono::hours(1));
          ran = true;
        });
        test::wait_until_blocked(workers() + 1);
        blocking_long([&] {
          while (!monitor.is_asleep()) sched_yield();
          sleep(std::chrono::hours(2));  // a wait in a call: now nobody holds the clock
        });
        group.wait();
      },
      &clock);
}

// Calls `use` without a worker, and whether it has one afterwards. Who is slow after that may have
// lost it again.
template <class Use>
bool finds_a_worker_in(Use use) {
  for (int i = 0; i < 100; ++i) {
    while (sched::current_worker() != nullptr) {
    }
    use();
    if (sched::current_worker() != nullptr) return true;
  }
  return false;
}

TEST_P(PreemptTest, AHogFindsAWorkerAtALockThatOthersMayWant) {
  run([&] {
    std::atomic<bool> stop{false};
    WaitGroup group;
    for (std::uint32_t i = 0; i < 1 + workers(); ++i) {
      group.go([&stop] {
        while (!stop) yield();
      });
    }
    Mutex mutex;
    EXPECT_TRUE(finds_a_worker_in([&] {
      mutex.lock();
      mutex.unlock();
    }));
    RWMutex shared;
    shared.lock_shared();
    EXPECT_TRUE(finds_a_worker_in([&] {
      shared.lock_shared();
      shared.unlock_shared();
    }));
    shared.unlock_shared();
    stop = true;
    group.wait();
  });
}

TEST_P(PreemptTest, ACheckpointGivesWay) {
  run([&] {
    std::atomic<bool> stop{false};
    WaitGroup group;
    for (std::uint32_t i = 0; i < workers(); ++i) {
      group.go([&stop] {
        while (!stop.load(std::memory_order_relaxed)) checkpoint();
      });
    }
    for (int i = 0; i < 5; ++i) yield();
    stop = true;
    group.wait();
  });
}

TEST_P(PreemptTest, TheTraceSaysWhoWasPreemptedAndWhatItDidThen) {
  test::FakeRecorder recorder;
  run([&] {
    std::atomic<bool> stop{false};
    WaitGroup group;
    auto chan = make_chan<int>("from the hogs");
    for (std::uint32_t i = 0; i < workers(); ++i) {
      group.go("hog", [&] {
        spin_until(stop);
        go("child", [] {});
        chan.send(1);
      });
    }
    for (int i = 0; i < 3; ++i) sleep(milliseconds(1));
    stop = true;
    for (std::uint32_t i = 0; i < workers(); ++i) chan.recv();
    group.wait();
  });
  recorder.receive();
  test::Rings rings;
  recorder.drain_into(rings);
  const test::TraceTotals totals = test::check_trace(rings);
  EXPECT_EQ(totals.tasks_done, 1 + 2u * workers());
  if (workers() == 1) {
    EXPECT_GE(totals.of(EventKind::Preempt), 1u);
    EXPECT_GE(totals.of(EventKind::By), 1u);
  }
}

}  // namespace
}  // namespace taskscope
