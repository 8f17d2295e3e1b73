// What a process does besides running tasks: it forks, execs, exits in the middle, and starts and
// stops the runtime as often as it likes.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

class ProcessTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ProcessTest);

int exit_status_of(pid_t child) {
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_P(ProcessTest, TheRuntimeMayBeStartedAndStoppedManyTimes) {
  ts::run([] {}, {.workers = workers()});
  const test::Footprint before = test::footprint_settled({.threads = 1 + (TASKSCOPE_TSAN ? 1 : 0)});
  std::atomic<int> ran{0};
  constexpr int kRuns = test::sized(200);
  for (int i = 0; i < kRuns; ++i) {
    ts::run(
        [&] {
          WaitGroup group;
          for (int k = 0; k < 8; ++k) {
            group.go([&] {
              yield();
              ++ran;
            });
          }
          group.wait();
        },
        {.workers = workers()});
  }
  EXPECT_EQ(ran, kRuns * 8);
  const test::Footprint after = test::footprint_settled(before);
  EXPECT_EQ(after.threads, before.threads) << test::describe(after);
  EXPECT_EQ(after.descriptors, before.descriptors) << test::describe(after);
}

TEST_P(ProcessTest, AChildMayBeForkedAndReplacedFromATask) {
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "ThreadSanitizer does not follow a fork of many threads";
  run([] {
    WaitGroup group;
    for (int i = 0; i < 4; ++i) {
      group.go([i] {
        const pid_t child = fork();
        if (child == 0) {
          if (i % 2 == 0) _exit(40 + i);
          const char* words[] = {"sh", "-c", "exit 43", nullptr};
          execv("/bin/sh", const_cast<char**>(words));
          _exit(99);
        }
        const int status = blocking_long([&] { return exit_status_of(child); });
        EXPECT_EQ(status, i % 2 == 0 ? 40 + i : 43);
      });
    }
    group.wait();
  });
}

using ExitDeathTest = ProcessTest;
TASKSCOPE_AT_ALL_WORKER_COUNTS(ExitDeathTest);

TEST_P(ExitDeathTest, ATaskMayEndTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(ts::run(
                  [] {
                    for (int i = 0; i < 10; ++i) {
                      go([] {
                        for (;;) yield();
                      });
                    }
                    go([] { std::exit(7); });
                    Chan<int>().recv();
                  },
                  {.workers = workers()}),
              ::testing::ExitedWithCode(7), "");
}

}  // namespace
}  // namespace taskscope
