// ThreadSanitizer in programs of tasks: it finds the races between them, on one worker too, and is
// silent where there are none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include "tests/runtime/support/runtime_test.h"

#if TASKSCOPE_TSAN
namespace taskscope {
namespace {

using ::testing::AllOf;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kRaceFound = 66;  // what ThreadSanitizer makes of the exit status

class RaceDeathTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  RaceDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  static void run(const std::function<void()>& main) {
    ts::run(main, {.workers = GetParam()});
    std::exit(0);
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(RaceDeathTest);

int g_value = 0;
[[gnu::noinline]] void add_to_value(int more) {
  g_value += more;
  asm volatile("");
}

// Two tasks run `body`; joined by a group. Again and again, because the race of one pair is not
// seen if one has ended before the thread was told of the other that runs it.
void run_two(const std::function<void()>& body) {
  for (int round = 0; round < 20; ++round) {
    WaitGroup group;
    for (int i = 0; i < 2; ++i) group.go(body);
    group.wait();
  }
}

auto finds_the_race() {
  return AllOf(HasSubstr("WARNING: ThreadSanitizer: data race"), HasSubstr("add_to_value"));
}

TEST_P(RaceDeathTest, OfTwoTasksThatNeverWaitIsFound) {
  EXPECT_EXIT(run([] { run_two([] { add_to_value(1); }); }), ExitedWithCode(kRaceFound),
              finds_the_race());
}

TEST_P(RaceDeathTest, OfTwoTasksThatTakeTurnsIsFound) {
  EXPECT_EXIT(run([] {
                run_two([] {
                  yield();
                  add_to_value(1);
                  yield();
                });
              }),
              ExitedWithCode(kRaceFound), finds_the_race());
}

TEST_P(RaceDeathTest, OfTasksThatLockDifferentMutexesIsFound) {
  EXPECT_EXIT(run([] {
                run_two([] {
                  Mutex mine;
                  const std::scoped_lock lock(mine);
                  add_to_value(1);
                });
              }),
              ExitedWithCode(kRaceFound), finds_the_race());
}

TEST_P(RaceDeathTest, OfATaskWithItsParentAfterTheSpawnIsFound) {
  EXPECT_EXIT(run([] {
                for (int round = 0; round < 20; ++round) {
                  WaitGroup group;
                  group.go([] { add_to_value(1); });
                  add_to_value(1);
                  group.wait();
                }
              }),
              ExitedWithCode(kRaceFound), finds_the_race());
}

TEST_P(RaceDeathTest, AMutexMendsIt) {
  EXPECT_EXIT(run([] {
                Mutex mutex;
                run_two([&] {
                  const std::scoped_lock lock(mutex);
                  yield();
                  add_to_value(1);
                });
              }),
              ExitedWithCode(0), Not(HasSubstr("ThreadSanitizer")));
}

TEST_P(RaceDeathTest, AChannelMendsIt) {
  EXPECT_EXIT(run([] {
                const auto turn = make_chan<int>();
                WaitGroup group;
                group.go([&] {
                  add_to_value(1);
                  turn.send(1);
                });
                group.go([&] {
                  turn.recv();
                  add_to_value(1);
                });
                group.wait();
                add_to_value(1);
              }),
              ExitedWithCode(0), Not(HasSubstr("ThreadSanitizer")));
}

TEST_P(RaceDeathTest, AJoinMendsIt) {
  EXPECT_EXIT(run([] {
                for (int i = 0; i < 100; ++i) {
                  WaitGroup group;
                  group.go([] { add_to_value(1); });
                  group.wait();
                }
                Scope scope;
                scope.go([] { add_to_value(1); });
                scope.wait();
                add_to_value(1);
              }),
              ExitedWithCode(0), Not(HasSubstr("ThreadSanitizer")));
}

class ManyFibersTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ManyFibersTest);

// Each task with a stack takes two mappings of ThreadSanitizer's, and the kernel gives 65,530.
TEST_P(ManyFibersTest, TwoHundredThousandTasksOfWhichFiveThousandWaitAtOnce) {
  run([] {
    int ended = 0;
    Mutex mutex;
    for (int round = 0; round < 40; ++round) {
      const auto start = make_chan<int>();
      WaitGroup ready;
      WaitGroup group;
      ready.add(5'000);
      for (int i = 0; i < 5'000; ++i) {
        group.go([&] {
          ready.done();
          start.recv();
          const std::scoped_lock lock(mutex);
          ++ended;
        });
      }
      ready.wait();  // looking again and again at all of them would take ThreadSanitizer minutes
      test::wait_until_blocked(5'000);
      start.close();
      group.wait();
    }
    EXPECT_EQ(ended, 200'000);
  });
}

}  // namespace
}  // namespace taskscope
#endif
