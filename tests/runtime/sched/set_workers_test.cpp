// The number of workers, changed while tasks run.
#include "runtime/sched/set_workers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdio>
#include <random>
#include <string>
#include <thread>

#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"

namespace taskscope {
namespace {

using test::sized;
using trace_format::EventKind;

class SetWorkersTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SetWorkersTest);

TEST_P(SetWorkersTest, ReturnsTheOldCountAndZeroOnlyAsks) {
  run([&] {
    EXPECT_EQ(set_workers(0), workers());
    EXPECT_EQ(set_workers(3), workers());
    EXPECT_EQ(set_workers(workers()), 3u);
    EXPECT_EQ(set_workers(0), workers());
  });
}

TEST_P(SetWorkersTest, OneWorkerIsEnoughForAllThatTheOthersLeft) {
  run([&] {
    std::atomic<int> ran{0};
    WaitGroup group;
    for (int i = 0; i < sized(2'000); ++i) {
      group.go([&] {
        yield();
        ++ran;
      });
    }
    set_workers(1);
    group.wait();
    EXPECT_EQ(ran, sized(2'000));
    set_workers(workers());
  });
}

TEST_P(SetWorkersTest, MoreWorkersRunMoreTasksAtOnce) {
  run([&] {
    set_workers(workers() + 2);
    std::atomic<std::uint32_t> started{0};
    WaitGroup group;
    for (std::uint32_t i = 0; i < workers() + 1; ++i) {
      group.go([&] {
        ++started;
        while (started < workers() + 1) std::this_thread::yield();
      });
    }
    group.wait();
    set_workers(workers());
  });
}

void change_under_load(std::uint32_t workers, unsigned seed) {
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  std::atomic<std::uint64_t> sum{0};
  const int tasks = sized(200);
  auto jobs = make_chan<int>(8);
  WaitGroup group;
  for (int i = 0; i < tasks; ++i) {
    group.go([&, jobs] {
      for (int job : jobs) {
        if (job % 3 == 0) yield();
        if (job % 50 == 0) sleep(std::chrono::microseconds(20));
        if (job % 31 == 0) blocking([] { std::this_thread::yield(); });
        sum += static_cast<std::uint64_t>(job);
      }
    });
  }
  const int count = sized(20'000);
  for (int job = 0; job < count; ++job) {
    if (random() % 200 == 0) set_workers(1 + random() % 12);
    jobs.send(job);
  }
  jobs.close();
  group.wait();
  EXPECT_EQ(sum, static_cast<std::uint64_t>(count) * static_cast<std::uint64_t>(count - 1) / 2);
  set_workers(workers);
}

TEST_P(SetWorkersTest, NoTaskIsLostOrRunTwiceWhileTheCountChanges) {
  run([&] { change_under_load(workers(), 1'000 + workers()); });
}

TEST_P(SetWorkersTest, ARecordingTakesWorkersThatComeLater) {
  test::FakeRecorder recorder;
  run([&] {
    set_workers(workers() + 3);
    WaitGroup group;
    for (int i = 0; i < 500; ++i) group.go([] { yield(); });
    group.wait();
    set_workers(1);
    yield();
    set_workers(workers());
  });
  recorder.receive();
  EXPECT_EQ(recorder.rings().size(), workers() + 3 + 1);
  test::Rings rings;
  recorder.drain_into(rings);
  const test::TraceTotals totals = test::check_trace(rings);
  EXPECT_EQ(totals.tasks_done, 501u);
  EXPECT_EQ(totals.of(EventKind::WorkerCount), workers() == 1 ? 2u : 3u);
}

TEST(SetWorkersDeathTest, BetweenRunsThereAreNoWorkers) {
  EXPECT_EXIT(set_workers(2), ::testing::ExitedWithCode(2),
              "ts::set_workers called while no ts::run is active");
}

TEST(SetWorkersDeathTest, MoreThanThereCanBeEndTheProgramWithASentence) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const std::uint32_t count : {1025u, 5000u, 0xffff'ffffu}) {
    EXPECT_EXIT(
        ts::run([=] { set_workers(count); }, {.workers = 1}), ::testing::ExitedWithCode(2),
        ::testing::HasSubstr("fatal error: ts::set_workers called with " + std::to_string(count) +
                             ": a run has from 1 to 1024 workers; give one of these, or 0 "
                             "to ask how many there are\n"));
  }
}

}  // namespace
}  // namespace taskscope
