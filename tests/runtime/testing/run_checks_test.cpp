// RunChecks and LeakListener: what runs leave behind when main returns.
#include "runtime/testing/run_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest-spi.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "runtime/testing/gtest_leak_listener.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LeakHandler;
using testing::LeakListener;
using testing::LeakReport;
using testing::RunChecks;
using ::testing::SizeIs;
using ::testing::TestPartResultArray;
using namespace std::chrono_literals;

std::vector<LeakReport> g_reports;  // of one run at a time
void collect(const LeakReport& report) { g_reports.push_back(report); }

class RunChecksTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  RunChecksTest() : before_(testing::set_leak_handler(collect)) { g_reports.clear(); }
  ~RunChecksTest() override { testing::set_leak_handler(before_); }

  template <class F>
  int run(F main) {
    return taskscope::run(main, {.workers = GetParam()});
  }

 private:
  const LeakHandler before_;
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(RunChecksTest);

// Channels outlive the tasks that are left behind, which would have leaked theirs.
const Chan<int>& never() {
  static const Chan<int> channel = make_chan<int>("never");
  return channel;
}
const Chan<int>& begun() {
  static const Chan<int> channel = make_chan<int>("begun");
  return channel;
}

// Leaves a task behind that has begun to wait.
void leave_one_behind() {
  go("forgotten", [] {
    begun().send(0);
    never().recv();
  });
  begun().recv();
}

TEST_P(RunChecksTest, ARunThatLeavesATaskBehindIsReported) {
  const RunChecks checks;
  const int line = __LINE__ + 1;
  const int result = run([] {
    leave_one_behind();
    return 3;
  });
  EXPECT_EQ(result, 3);
  ASSERT_THAT(g_reports, SizeIs(1));
  EXPECT_EQ(g_reports[0].tasks, 1u);
  EXPECT_THAT(g_reports[0].text, HasSubstr("\"forgotten\" [chan recv"));
  EXPECT_THAT(g_reports[0].text, HasSubstr("waits for \"never\""));
  EXPECT_THAT(g_reports[0].site.file, HasSubstr("run_checks_test.cpp"));
  EXPECT_LT(g_reports[0].site.line, static_cast<std::uint32_t>(line));  // in the helper
}

TEST_P(RunChecksTest, ARunThatWaitsForItsTasksIsNot) {
  const RunChecks checks;
  run([] {
    WaitGroup group;
    for (int i = 0; i < 100; ++i) group.go([] { yield(); });
    group.wait();
  });
  EXPECT_THAT(g_reports, IsEmpty());
}

TEST_P(RunChecksTest, WithoutChecksNothingIsReported) {
  { const RunChecks checks; }
  run(leave_one_behind);
  EXPECT_THAT(g_reports, IsEmpty());
}

TEST_P(RunChecksTest, LeaksAreAllowedUntilTheNextTestBegins) {
  RunChecks checks;
  testing::allow_leaks();
  run(leave_one_behind);
  run(leave_one_behind);
  EXPECT_THAT(g_reports, IsEmpty());
  checks.begin_test();
  run([] {
    leave_one_behind();
    testing::allow_leaks();
  });
  EXPECT_THAT(g_reports, IsEmpty());
  checks.begin_test();
  run(leave_one_behind);
  EXPECT_THAT(g_reports, SizeIs(1));
}

TEST_P(RunChecksTest, DaemonsMayStay) {
  const RunChecks checks;
  run([] {
    go([] {
      daemon();
      begun().send(0);
      never().recv();
    });
    begun().recv();
  });
  EXPECT_THAT(g_reports, IsEmpty());
}

TEST_P(RunChecksTest, WhatThreadsAndTimersStartCounts) {
  const RunChecks checks;
  run([] {
    blocking_long([] { std::thread([] { go("of a thread", leave_one_behind); }).join(); });
    after_func(0ns, [] {
      begun().send(0);
      never().recv();
    });
    begun().recv();
  });
  ASSERT_THAT(g_reports, SizeIs(1));
  EXPECT_EQ(g_reports[0].tasks, 2u);
}

TEST_P(RunChecksTest, WhatACheckInTheRunHasReportedIsNotRepeated) {
  const RunChecks checks;
  run([] {
    const testing::LeakCheck check({.grace = 0ns, .on_leak = nullptr});
    leave_one_behind();
  });
  EXPECT_THAT(g_reports, SizeIs(1));
}

TEST_P(RunChecksTest, ByAManualClockSleepersAreLeftBehind) {
  const RunChecks checks;
  ManualClock clock;
  taskscope::run([] { go([] { sleep(24h); }); }, {.workers = GetParam(), .clock = &clock});
  EXPECT_THAT(g_reports, SizeIs(1));
}

TEST_P(RunChecksTest, TheListenerLetsTheTestFail) {
  TestPartResultArray results;
  {
    const LeakListener listener;
    const ::testing::ScopedFakeTestPartResultReporter reporter(
        ::testing::ScopedFakeTestPartResultReporter::INTERCEPT_ALL_THREADS, &results);
    run(leave_one_behind);
    run([] {});
  }
  ASSERT_EQ(results.size(), 1);
  EXPECT_TRUE(results.GetTestPartResult(0).nonfatally_failed());
  EXPECT_THAT(results.GetTestPartResult(0).message(),
              ContainsRegex("a task is left of those started since .*\"forgotten\" \\[chan recv"));
  EXPECT_THAT(g_reports, IsEmpty());
}

}  // namespace
}  // namespace taskscope
