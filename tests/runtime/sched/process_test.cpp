// What a process does besides running tasks: it forks, execs, exits in the middle, and starts and
// stops the runtime as often as it likes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <mutex>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using ::testing::HasSubstr;

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

// In the child nobody runs tasks, so what would wait for ever ends it, and says why.
using ForkDeathTest = ProcessTest;
TASKSCOPE_AT_ALL_WORKER_COUNTS(ForkDeathTest);

// What the child does in the end.
enum class Child { Exits, EndsItsTask };

// A task forks a child that does `what`; ends this process as the child has ended.
[[noreturn]] void fork_in_a_run(std::uint32_t workers, Child child,
                                const std::function<void()>& what) {
  int status = -1;
  ts::run(
      [&] {
        WaitGroup group;
        for (int i = 0; i < 10; ++i) group.go([] { yield(); });
        group.go("forker", [&] {
          const pid_t pid = fork();
          if (pid == 0) {
            what();
            if (child == Child::Exits) _exit(40);
            return;
          }
          status = blocking_long([&] { return exit_status_of(pid); });
        });
        group.wait();
      },
      {.workers = workers});
  std::_Exit(status);
}

TEST_P(ForkDeathTest, AChildThatWaitsSaysWhyItCannot) {
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "ThreadSanitizer does not follow a fork of many threads";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto forked = [&](const std::function<void()>& what) {
    fork_in_a_run(workers(), Child::Exits, what);
  };
  const auto says_why = ::testing::AllOf(
      HasSubstr("fatal error: a task waits, or ends, in the child of a fork, where nobody runs "
                "tasks: the child may only exec or _exit (ts::os::Process starts programs)"),
      HasSubstr("\"forker\" [running]"), HasSubstr("process_test.cpp"));
  const auto dies = ::testing::ExitedWithCode(2);
  EXPECT_EXIT(forked([] { make_chan<int>().recv(); }), dies, says_why);
  EXPECT_EXIT(forked([] { sleep(std::chrono::hours(1)); }), dies, says_why);
  EXPECT_EXIT(forked([] { blocking([] { make_chan<int>().recv(); }); }), dies, says_why);
  EXPECT_EXIT(forked([] { blocking_long([] { make_chan<int>().recv(); }); }), dies, says_why);
  EXPECT_EXIT(fork_in_a_run(workers(), Child::EndsItsTask, [] {}), dies,
              HasSubstr("fatal error: a task waits, or ends, in the child of a fork"));
}

TEST_P(ForkDeathTest, AChildMayDoWhatWaitsForNobody) {
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "ThreadSanitizer does not follow a fork of many threads";
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(fork_in_a_run(workers(), Child::Exits,
                            [] {
                              go([] { _exit(99); });  // never runs
                              yield();
                              checkpoint();
                              Mutex mutex;
                              const std::scoped_lock lock(mutex);
                              const auto chan = make_chan<int>(1);
                              chan.send(1);
                              if (chan.recv() != 1) _exit(41);
                              if (blocking([] { return 1; }) != 1) _exit(42);
                              if (blocking_long([] { return 2; }) != 2) _exit(43);
                            }),
              ::testing::ExitedWithCode(40), "");
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
