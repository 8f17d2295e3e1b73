// Stacks of the size that the program, or its environment, asks for.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>

#include "runtime/sched/run.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using ::testing::ExitedWithCode;
using ::testing::HasSubstr;

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) { setenv(name, value, 1); }
  ~Environment() { unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

// Uses `bytes` of stack at least; returns a sum over what it wrote there.
[[gnu::noinline]] std::size_t dig(std::size_t bytes) {
  volatile char frame[kKiB];
  std::memset(const_cast<char*>(frame), 1, sizeof frame);
  const std::size_t below = bytes <= kKiB ? 0 : dig(bytes - kKiB);
  return below + static_cast<std::size_t>(frame[bytes % kKiB]);
}

class StackSizeTest : public ::testing::TestWithParam<std::uint32_t> {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(StackSizeTest);

TEST_P(StackSizeTest, TasksRecurseAsDeepAsTheirStacksAllow) {
  for (const std::size_t size : {8 * kMiB, 64 * kMiB}) {
    ts::run(
        [&] {
          WaitGroup group;
          for (int i = 0; i < 3; ++i) {
            group.go([&] { EXPECT_EQ(dig(size / 8), size / 8 / kKiB); });
          }
          group.go([&] { EXPECT_EQ(dig(size * 3 / 4), size * 3 / 4 / kKiB); });
          group.wait();
        },
        {.workers = GetParam(), .stack_bytes = size});
  }
}

TEST_P(StackSizeTest, ManyTasksWaitOnSmallStacks) {
  const int count = test::sized(20'000);
  int sum = 0;
  ts::run(
      [&] {
        auto numbers = make_chan<int>();
        WaitGroup group;
        for (int i = 0; i < count; ++i) group.go([numbers] { numbers.send(1); });
        for (int i = 0; i < count; ++i) sum += numbers.recv().value_or(0);
        group.wait();
      },
      {.workers = GetParam(), .stack_bytes = 64 * kKiB});
  EXPECT_EQ(sum, count);
}

TEST_P(StackSizeTest, SomeTasksWithAGibibyteEachRunOnAllWorkers) {
  if (TASKSCOPE_ASAN) GTEST_SKIP() << "AddressSanitizer writes 128 MiB of shadow for each";
  sched::RunStats stats;
  ts::run(
      [] {
        auto numbers = make_chan<int>();
        WaitGroup group;
        for (int i = 0; i < 7; ++i) {
          group.go([numbers] {
            numbers.send(1);
            EXPECT_EQ(dig(2 * kMiB), 2 * kKiB);
          });
        }
        for (int i = 0; i < 7; ++i) numbers.recv();
        group.wait();
      },
      {.workers = GetParam(), .stack_bytes = 1024 * kMiB, .stats = &stats});
  EXPECT_EQ(stats.stacks_in_use, 0u);
}

TEST_P(StackSizeTest, TheEnvironmentMayAskForLargerOnes) {
  const Environment size("TASKSCOPE_STACK", "4M");
  std::size_t used = 0;
  ts::run([&] { used = dig(3 * kMiB); }, {.workers = GetParam()});
  EXPECT_EQ(used, 3 * kKiB);
}

TEST(StackSize, IsReadFromOptionsFirstAndThenFromTheEnvironment) {
  EXPECT_EQ(sched::stack_bytes({}), 256 * kKiB);
  EXPECT_EQ(sched::stack_bytes({.stack_bytes = 2 * kMiB}), 2 * kMiB);
  const Environment size("TASKSCOPE_STACK", "64K");
  EXPECT_EQ(sched::stack_bytes({}), 64 * kKiB);
  EXPECT_EQ(sched::stack_bytes({.stack_bytes = 2 * kMiB}), 2 * kMiB);
}

TEST(StackSize, MayBeWrittenInSeveralWays) {
  const auto size_of = [](const char* text) {
    const Environment size("TASKSCOPE_STACK", text);
    return sched::stack_bytes({});
  };
  EXPECT_EQ(size_of("65536"), 64 * kKiB);
  EXPECT_EQ(size_of("100K"), 100 * kKiB);
  EXPECT_EQ(size_of("8M"), 8 * kMiB);
  EXPECT_EQ(size_of("1G"), 1024 * kMiB);
}

TEST(StackSizeDeathTest, ASizeThatCannotBeHadEndsTheProgramWithASentence) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const char* text : {"", "much", "8Q", "8MB", "-1", "1.5M", "63K", "1025M", "2G",
                           "99999999999999999999", "17179869184G"}) {
    SCOPED_TRACE(text);
    EXPECT_EXIT(
        {
          setenv("TASKSCOPE_STACK", text, 1);
          ts::run([] {});
        },
        ExitedWithCode(2),
        HasSubstr(std::string("taskscope: TASKSCOPE_STACK=") + text +
                  " is not a size from 64K to 1G: a number of bytes, or one with K, M or G"));
  }
  EXPECT_EXIT(
      ts::run([] {}, {.stack_bytes = 1000}), ExitedWithCode(2),
      HasSubstr("fatal error: RunOptions::stack_bytes is 1000: the stack of a task has from "
                "65536 bytes (64 KiB) to 1073741824 (1 GiB)"));
  EXPECT_EXIT(ts::run([] {}, {.stack_bytes = 1024 * kMiB + 1}), ExitedWithCode(2),
              HasSubstr("fatal error: RunOptions::stack_bytes is 1073741825"));
}

}  // namespace
}  // namespace taskscope
