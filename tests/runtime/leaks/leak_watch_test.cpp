// What a program that is recorded, or is to end by its leaks, says of them by itself.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <functional>
#include <string>
#include <vector>

#include "runtime/trace_format/leak_text.h"
#include "tests/runtime/support/fake_recorder.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/support/trace_checker.h"

namespace taskscope {
namespace {

namespace tf = trace_format;

class LeakWatchTest : public test::RuntimeTest {
 protected:
  // What the trace of a run says that leaves tasks behind.
  std::vector<tf::LeakText> told_of(const std::function<void()>& main) {
    test::FakeRecorder recorder;
    ts::run([&] { main(); }, {.workers = workers()});
    recorder.receive();
    test::Rings rings;
    recorder.drain_into(rings);
    std::vector<tf::LeakText> told;
    for (const auto& [worker, events] : rings) {
      for (const tf::TextEvent& item : events) {
        if (item.event.kind != tf::EventKind::Finding) continue;
        const auto leak = tf::parse_leak(item.text);
        EXPECT_TRUE(leak.has_value()) << item.text;
        if (leak) told.push_back(*leak);
      }
    }
    return told;
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(LeakWatchTest);

TEST_P(LeakWatchTest, ARecordedRunTellsAtItsEndOfTasksThatCouldNotGoOn) {
  const auto told = told_of([] {
    for (int i = 0; i < 150; ++i) ts::go([] { ts::Chan<int>().recv(); });
    test::wait_until_blocked(150);
  });
  ASSERT_GT(told.size(), 1u);  // more than one event has room for
  std::size_t tasks = 0;
  for (const tf::LeakText& leak : told) {
    tasks += leak.members.size();
    EXPECT_EQ(leak.kind, tf::LeakKind::Leaked);
    EXPECT_TRUE(leak.proved);
    EXPECT_EQ(leak.group, told[0].group);
  }
  EXPECT_EQ(tasks, 150u);
}

TEST_P(LeakWatchTest, OfALockWithoutAGuardItTellsWhatItSuspects) {
  ts::Mutex mutex;
  const auto told = told_of([&] {
    ts::WaitGroup ended;
    ended.go([&] { mutex.lock(); });
    ended.wait();
    ts::go([&] { mutex.lock(); });
    test::wait_until_blocked(1);
  });
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].kind, tf::LeakKind::AbandonedLock);
  EXPECT_FALSE(told[0].proved);
}

TEST_P(LeakWatchTest, ARunThatLeavesNobodyWaitingTellsOfNothing) {
  EXPECT_TRUE(told_of([] {
                ts::WaitGroup group;
                for (int i = 0; i < 10; ++i) group.go([] { ts::yield(); });
                group.wait();
              }).empty());
}

TEST_P(LeakWatchTest, AProgramThatIsToEndByItsLeaksEndsWithTheProof) {
  const auto leak = [this] {
    setenv("TASKSCOPE_LEAKS", "abort", 1);
    ts::run(
        [] {
          ts::go("lost", [] { ts::Chan<int>().recv(); });
          test::wait_until_blocked(1);
        },
        {.workers = workers()});
  };
  EXPECT_EXIT(leak(), testing::ExitedWithCode(2),
              "can never go on\n\ntask 2 \"lost\" waits in chan recv \\(nil chan\\) at ");
}

}  // namespace
}  // namespace taskscope
