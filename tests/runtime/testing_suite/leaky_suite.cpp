// A suite of a user with a LeakListener, in which some tests leave tasks behind: run as a whole by
// CTest, which expects that the right ones fail.
#include <gtest/gtest.h>

#include "runtime/taskscope.h"
#include "runtime/testing/gtest_leak_listener.h"

namespace {

void leave_one_behind() {
  ts::go("forgotten", [] { ts::make_chan<int>().recv(); });
}

TEST(LeakySuite, LeavesATaskBehind) { ts::run(leave_one_behind); }

TEST(LeakySuite, WaitsForItsTasks) {
  ts::run([] {
    ts::WaitGroup group;
    group.go([] { ts::yield(); });
    group.wait();
  });
}

TEST(LeakySuite, MayLeaveOneBehind) {
  ts::testing::allow_leaks();
  ts::run(leave_one_behind);
}

TEST(LeakySuite, HasACheckThatFindsOne) {
  ts::run([] {
    const auto stop = ts::make_chan<int>();
    {
      const ts::testing::LeakCheck check;
      ts::go([=] { stop.recv(); });
    }
    stop.close();
  });
}

TEST(LeakySuite, StartsADaemon) {
  ts::run([] {
    ts::go([] {
      ts::daemon();
      ts::make_chan<int>().recv();
    });
  });
}

}  // namespace

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  testing::UnitTest::GetInstance()->listeners().Append(new ts::testing::LeakListener);
  return RUN_ALL_TESTS();
}
