// LeakCheck: the tasks that a part of a test leaves behind, and no others.
#include "runtime/testing/leak_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::LeakCheck;
using testing::LeakOptions;
using testing::LeakReport;
using ::testing::Not;
using ::testing::SizeIs;
using namespace std::chrono_literals;

class LeakCheckTest : public test::RuntimeTest {
 protected:
  LeakOptions collect(std::chrono::nanoseconds grace = 0ns) {
    return {.grace = grace, .on_leak = [this](const LeakReport& report) {
              const std::scoped_lock lock(mutex_);
              reports_.push_back(report);
            }};
  }
  // For tests in which nothing is left: a leak shows at once as a report, so this may be long.
  LeakOptions collect_patiently() { return collect(60s); }

  std::mutex mutex_;
  std::vector<LeakReport> reports_;
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(LeakCheckTest);

[[gnu::noinline]] void wait_for(const Chan<int>& chan) {
  chan.recv();
  asm volatile("");  // no tail call: its frame is expected in a report
}

TEST_P(LeakCheckTest, NothingIsReportedWhereAllTasksEnd) {
  run([&] {
    LeakCheck check(collect_patiently());
    WaitGroup group;
    for (int i = 0; i < 100; ++i) group.go([] { yield(); });
    group.wait();
  });
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_P(LeakCheckTest, TasksThatAreJustEndingAreNoLeak) {
  run([&] {
    LeakCheck check(collect_patiently());
    for (int i = 0; i < 10; ++i) {
      go([] {
        for (int left = 1000; left > 0; --left) yield();
      });
    }
  });
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_P(LeakCheckTest, TasksThatWaitAreReportedWithStackAndSpawnSite) {
  const auto never = make_chan<int>("never");
  int line = 0;
  run([&] {
    {
      LeakCheck check(collect());
      line = __LINE__ - 1;
      for (int i = 0; i < 3; ++i) go("reader", [&] { wait_for(never); });
      test::wait_until_blocked(3);
    }
    never.close();
  });
  ASSERT_THAT(reports_, SizeIs(1));
  EXPECT_EQ(reports_[0].tasks, 3u);
  EXPECT_EQ(reports_[0].site.line, static_cast<std::uint32_t>(line));
  EXPECT_THAT(reports_[0].text, ContainsRegex("3 tasks are left of those started since "
                                              ".*leak_check_test.cpp:" +
                                              std::to_string(line) + "\n3 tasks with 1 different"));
  EXPECT_THAT(reports_[0].text,
              ContainsRegex("3 tasks \\[chan recv.*\\]:\n\ttask [0-9]+ \"reader"));
  EXPECT_THAT(reports_[0].text, ContainsRegex("wait_for\\("));
  EXPECT_THAT(reports_[0].text, HasSubstr("waits for \"never\"\n"));
  EXPECT_THAT(reports_[0].text,
              ContainsRegex("spawned at .*leak_check_test.cpp:" + std::to_string(line + 2)));
  EXPECT_THAT(reports_[0].text, Not(HasSubstr("\"main\" [")));
}

TEST_P(LeakCheckTest, TasksThatComputeForEverAreReportedAsRunning) {
  std::atomic<bool> stop{false};
  run([&] {
    {
      LeakCheck check(collect(1ms));
      go([&] {
        while (!stop) checkpoint();
      });
    }
    stop = true;
  });
  ASSERT_THAT(reports_, SizeIs(1));
  EXPECT_THAT(reports_[0].text, ContainsRegex("\\[(running|runnable)\\]"));
}

TEST_P(LeakCheckTest, WhatTheTasksOfTasksLeaveBehindIsReportedToo) {
  const auto never = make_chan<int>();
  run([&] {
    {
      LeakCheck check(collect());
      WaitGroup group;
      group.go([&] { go([&] { wait_for(never); }); });
      group.wait();
      while (check.tasks() > 1) yield();
    }
    never.close();
  });
  ASSERT_THAT(reports_, SizeIs(1));
  EXPECT_EQ(reports_[0].tasks, 1u);
}

TEST_P(LeakCheckTest, TasksFromBeforeAndThoseOfOthersAreNotItsMatter) {
  const auto never = make_chan<int>();
  run([&] {
    go([&] { wait_for(never); });
    const auto leave = make_chan<int>();
    go([&] {
      leave.recv();
      go([&] { wait_for(never); });
      leave.send(0);
    });
    {
      LeakCheck check(collect());
      leave.send(0);
      leave.recv();
      EXPECT_EQ(check.tasks(), 0u);
    }
    never.close();
  });
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_P(LeakCheckTest, ChecksInParallelTasksSeeTheirOwnTasksOnly) {
  const auto never = make_chan<int>();
  run([&] {
    WaitGroup cases;
    Barrier all_have_leaked(4);
    std::atomic<int> reports{0};
    for (std::size_t leaks = 0; leaks < 4; ++leaks) {
      cases.go([&, leaks] {
        LeakOptions options{.grace = 0ns, .on_leak = [&reports, leaks](const LeakReport& report) {
                              ++reports;
                              EXPECT_EQ(report.tasks, leaks);
                            }};
        LeakCheck check(options);
        for (std::size_t i = 0; i < leaks; ++i) go([&] { wait_for(never); });
        all_have_leaked.wait();
        EXPECT_EQ(check.tasks(), leaks);
      });
    }
    cases.wait();
    EXPECT_EQ(reports, 3);
    never.close();
  });
}

TEST_P(LeakCheckTest, DaemonsAndWhatTheyStartAreMeantToStay) {
  const auto never = make_chan<int>();
  run([&] {
    {
      LeakCheck check(collect_patiently());
      go([&] {
        daemon();
        EXPECT_EQ(label("taskscope.daemon"), "yes");
        go([&] { wait_for(never); });
        wait_for(never);
      });
    }
    never.close();
  });
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_P(LeakCheckTest, LabelsHideNoTaskFromItAndDoNotShowIt) {
  const auto never = make_chan<int>();
  run([&] {
    {
      LeakCheck check(collect());
      go([&] {
        set_label("request", "42");
        remove_label("request");
        with_labels({{"user", "7"}}, [&] { go([&] { wait_for(never); }); });
        wait_for(never);
      });
      test::wait_until_blocked(2);
    }
    never.close();
    EXPECT_EQ(label("request"), std::nullopt);
  });
  ASSERT_THAT(reports_, SizeIs(1));
  EXPECT_EQ(reports_[0].tasks, 2u);
  EXPECT_THAT(reports_[0].text, ContainsRegex("user=7"));
}

TEST_P(LeakCheckTest, WhatAnInnerCheckHasReportedAnOuterOneDoesNotRepeat) {
  const auto never = make_chan<int>();
  run([&] {
    {
      LeakCheck outer(collect());
      LeakCheck inner(collect());
      go([&] { wait_for(never); });
    }
    never.close();
  });
  EXPECT_THAT(reports_, SizeIs(1));
}

TEST_P(LeakCheckTest, AnOuterCheckSeesTheTasksOfAnInnerOne) {
  run([&] {
    const auto stop = make_chan<int>();
    LeakCheck outer(collect_patiently());
    {
      LeakCheck inner(collect());
      go([&] { wait_for(stop); });
      EXPECT_EQ(inner.tasks(), 1u);
      inner.dismiss();
    }
    EXPECT_EQ(outer.tasks(), 1u);
    EXPECT_FALSE(outer.wait_for_none(0ns));
    EXPECT_EQ(outer.report().tasks, 1u);
    stop.close();
    EXPECT_TRUE(outer.wait_for_none(60s));
    EXPECT_EQ(outer.report().tasks, 0u);
  });
  EXPECT_THAT(reports_, IsEmpty());
}

TEST_P(LeakCheckTest, WhoSeesNoTasksSeesAllThatTheyDid) {
  run([&] {
    LeakCheck check(collect_patiently());
    int sum = 0;  // no lock: ThreadSanitizer would speak
    go([&] { sum = 7; });
    ASSERT_TRUE(check.wait_for_none(60s));
    EXPECT_EQ(sum, 7);
  });
}

TEST(LeakCheckDeathTest, OnAThreadThatRunsNoTaskItSaysSo) {
  EXPECT_EXIT(LeakCheck(), ::testing::ExitedWithCode(2), "LeakCheck made on a thread that runs no");
}

}  // namespace
}  // namespace taskscope
