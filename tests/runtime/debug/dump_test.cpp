// ts::dump_tasks and SIGQUIT: every task with its stack, those with the same one together.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::ExitedWithCode;
using ::testing::HasSubstr;
using ::testing::Not;

class DumpTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(DumpTest);

// Stands after a call so that it is no tail call: its frame is expected in a dump.
void keep_frame() { asm volatile(""); }

[[gnu::noinline]] void wait_for(const Chan<int>& chan) {
  chan.recv();
  keep_frame();
}

[[gnu::noinline]] void compute_until(const std::atomic<bool>& done) {
  while (!done.load(std::memory_order_relaxed)) {
  }
  keep_frame();
}

[[gnu::noinline]] void deep(const Chan<int>& chan, int depth) {
  depth == 0 ? wait_for(chan) : deep(chan, depth - 1);
  keep_frame();
}

TEST_P(DumpTest, TasksWithTheSameStackAreOneGroupWithTheirNumber) {
  run([] {
    const auto requests = make_chan<int>("requests");
    WaitGroup readers;
    for (int i = 0; i < 30; ++i) readers.go("reader", [&] { wait_for(requests); });
    Mutex books("books");
    books.lock();
    readers.go("writer", [&] { const std::scoped_lock lock(books); });
    test::wait_until_blocked(31);
    const std::string text = dump_tasks();
    EXPECT_THAT(text, HasSubstr("32 tasks with 3 different stacks\n"));
    EXPECT_THAT(text, ContainsRegex("\n30 tasks \\[chan recv.*\\]:\n\ttask [0-9]+ \"reader\", task "
                                    "[0-9]+ \"reader\", .*, …\n.*wait_for\\(.*Chan<int>.*\\)\n\t"
                                    ".*dump_test.cpp:[0-9]+\n"));
    EXPECT_THAT(text, ContainsRegex("waits for \"requests\"\nspawned at .*dump_test.cpp:[0-9]+ by "
                                    "task 1\n"));
    EXPECT_THAT(text, ContainsRegex("task [0-9]+ \"writer\" \\[mutex.*\\]:\n(.*\n)*"
                                    "waits for \"books\"\ntask 1 \"main\" has it\nspawned at "));
    EXPECT_THAT(text, ContainsRegex("task 1 \"main\" \\[running\\]:\n.*\n\t.*dump_test.cpp:[0-9]+\n"
                                    "(.*\n)*started at "));
    EXPECT_THAT(text, Not(HasSubstr("taskscope_switch")));
    books.unlock();
    requests.close();
    readers.wait();
  });
}

TEST_P(DumpTest, TheProgramGoesOnAndTheNextDumpShowsWhatChanged) {
  run([] {
    const auto chan = make_chan<int>();
    WaitGroup group;
    group.go("reader", [&] { wait_for(chan); });
    test::wait_until_blocked(1);
    EXPECT_THAT(dump_tasks(), HasSubstr("\"reader\" [chan recv"));
    chan.send(1);
    group.wait();
    EXPECT_THAT(dump_tasks(),
                AllOf(HasSubstr("1 task with 1 different stack\n"), Not(HasSubstr("\"reader\""))));
  });
}

TEST_P(DumpTest, ATaskThatComputesIsShownWhereItDoes) {
  run([] {
    std::atomic<bool> started{false};
    std::atomic<bool> done{false};
    WaitGroup group;
    group.go("thinker", [&] {
      started = true;
      compute_until(done);
    });
    while (!started) yield();
    const std::string text = dump_tasks();
    done = true;
    group.wait();
    EXPECT_THAT(text, HasSubstr("\"thinker\" [running]:\n"));
    // ThreadSanitizer delivers signals when it likes.
    if (!TASKSCOPE_TSAN) {
      EXPECT_THAT(text, HasSubstr("compute_until("));
    }
  });
}

TEST_P(DumpTest, ADeepStackIsShownFromBothEnds) {
  run([] {
    const auto chan = make_chan<int>();
    WaitGroup group;
    group.go([&] { deep(chan, 200); });
    test::wait_until_blocked(1);
    EXPECT_THAT(dump_tasks(), ContainsRegex("wait_for\\(.*(\n.*)*deep\\(.*(\n.*)*… 1[0-9][0-9] "
                                            "frames more\n(.*\n)*.*operator\\(\\)"));
    chan.send(1);
    group.wait();
  });
}

TEST_P(DumpTest, ATaskThatHasNotRunYetHasNoStack) {
  if (workers() != 1) GTEST_SKIP() << "another worker may take it";
  run([] {
    go("fresh", [] {});
    EXPECT_THAT(dump_tasks(), ContainsRegex("\"fresh\" \\[runnable\\]:\nhas not run yet\nspawned"));
  });
}

TEST_P(DumpTest, ATaskInABlockingCallAndAnyThreadMayAsk) {
  run([] {
    std::string text;
    blocking_long([&] { std::thread([&] { text = dump_tasks(); }).join(); });
    EXPECT_THAT(text, ContainsRegex("task 1 \"main\" \\[syscall\\]:\n"));
    if (!TASKSCOPE_TSAN) {
      EXPECT_THAT(text, HasSubstr("pthread"));
    }
  });
}

TEST_P(DumpTest, ManyMayAskAtOnce) {
  run([] {
    WaitGroup group;
    std::atomic<int> whole{0};
    for (int i = 0; i < 4; ++i) {
      group.go([&] {
        const std::string text = dump_tasks();
        if (text.find("task 1 \"main\" [wait_group") != std::string::npos) ++whole;
      });
    }
    group.wait();
    EXPECT_GE(whole.load(), 1);
  });
}

TEST(DumpWithoutARun, ThereAreNoTasks) {
  EXPECT_EQ(dump_tasks(), "no tasks: no ts::run is active\n");
}

class QuitDeathTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  QuitDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(QuitDeathTest);

TEST_P(QuitDeathTest, SigquitPrintsAllTasksAndEndsTheProgram) {
  EXPECT_EXIT(ts::run(
                  [] {
                    const auto requests = make_chan<int>("requests");
                    for (int i = 0; i < 5; ++i) go([&] { wait_for(requests); });
                    test::wait_until_blocked(5);
                    kill(getpid(), SIGQUIT);
                    for (;;) yield();
                  },
                  {.workers = GetParam()}),
              ExitedWithCode(2),
              AllOf(HasSubstr("SIGQUIT: quit\n\n6 tasks with 2 different stacks\n\n5 tasks [chan "
                              "recv"),
                    HasSubstr("wait_for("), HasSubstr("waits for \"requests\"\n"),
                    HasSubstr("task 1 \"main\" [run")));
}

TEST_P(QuitDeathTest, AProgramsOwnHandlerOfSigquitStays) {
  EXPECT_EXIT(
      {
        signal(SIGQUIT, [](int) { std::_Exit(7); });
        ts::run(
            [] {
              kill(getpid(), SIGQUIT);
              for (;;) yield();
            },
            {.workers = GetParam()});
      },
      ExitedWithCode(7), Not(HasSubstr("SIGQUIT: quit")));
}

TEST_P(QuitDeathTest, AfterTheRunSigquitIsTheSystemsAgain) {
  EXPECT_EXIT(
      {
        ts::run([] {}, {.workers = GetParam()});
        raise(SIGQUIT);
      },
      ::testing::KilledBySignal(SIGQUIT), "");
}

TEST_P(QuitDeathTest, SoItIsIfTheProgramListenedToItToTheEnd) {
  EXPECT_EXIT(
      {
        ts::run([] { static_cast<void>(signals({SIGQUIT})); }, {.workers = GetParam()});
        ts::run(
            [] {
              go("other", [] { sleep(std::chrono::hours(1)); });
              test::wait_until_blocked(1);
              kill(getpid(), SIGQUIT);
              for (;;) yield();
            },
            {.workers = GetParam()});
      },
      ExitedWithCode(2), HasSubstr("SIGQUIT: quit\n\n2 tasks"));
}

}  // namespace
}  // namespace taskscope
