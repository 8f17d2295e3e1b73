// Tasks that run too long: their worker goes on without them.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <vector>

#include "runtime/base/clock.h"
#include "runtime/sched/thread.h"
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

TEST_P(PreemptTest, OthersGoOnWhileEveryWorkerHasAHog) {
  run([&] {
    std::atomic<bool> stop{false};
    WaitGroup group;
    start_hogs(group, workers(), stop);
    auto ping = make_chan<int>();
    auto pong = make_chan<int>();
    group.go([=] {
      for (int value : ping) pong.send(value + 1);
    });
    int value = 0;
    for (int i = 0; i < 100; ++i) {
      ping.send(value);
      value = *pong.recv();
    }
    EXPECT_EQ(value, 100);
    ping.close();
    stop = true;
    group.wait();
  });
}

TEST_P(PreemptTest, TimersFireWhileEveryWorkerHasAHog) {
  run([&] {
    std::atomic<bool> stop{false};
    WaitGroup group;
    start_hogs(group, workers(), stop);
    std::vector<std::int64_t> late_us;
    for (int i = 0; i < 20; ++i) {
      const std::int64_t due = base::monotonic_ns() + 1'000'000;
      sleep(milliseconds(1));
      late_us.push_back((base::monotonic_ns() - due) / 1000);
    }
    stop = true;
    group.wait();
    std::sort(late_us.begin(), late_us.end());
    std::printf(
        "%u workers, as many hogs: a sleep of 1 ms is late by %lld us (median), %lld (most)\n",
        workers(), static_cast<long long>(late_us[late_us.size() / 2]),
        static_cast<long long>(late_us.back()));
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
