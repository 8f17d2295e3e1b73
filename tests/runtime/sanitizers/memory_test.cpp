// AddressSanitizer and UndefinedBehaviorSanitizer in programs of tasks: they find what is wrong in
// a task, say so with its stack, and survive switches, also those with exceptions in flight.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>
#include <limits>
#include <stdexcept>
#include <vector>

#include "tests/runtime/support/runtime_test.h"

#if TASKSCOPE_ASAN
namespace taskscope {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class MemoryDeathTest : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  MemoryDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

  // In a task that has waited before, and whose thread may be another one.
  static void run_after_wait(const std::function<void()>& body) {
    ts::run(
        [&] {
          WaitGroup group;
          for (int i = 0; i < 3; ++i) group.go([] { yield(); });
          group.go("culprit", [&] {
            yield();
            body();
          });
          group.wait();
        },
        {.workers = GetParam()});
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(MemoryDeathTest);

bool failed(int status) { return status != 0; }

[[gnu::noinline]] int read_at(const int* numbers, std::size_t index) { return numbers[index]; }

TEST_P(MemoryDeathTest, AnOverflowOfAVariableOnATasksStackIsFound) {
  EXPECT_EXIT(run_after_wait([] {
                volatile std::size_t beyond = 8;
                int numbers[8] = {};
                yield();
                std::_Exit(read_at(numbers, beyond));
              }),
              failed,
              AllOf(HasSubstr("AddressSanitizer: stack-buffer-overflow"), HasSubstr("read_at"),
                    HasSubstr("taskscope_stack_entry")));
}

TEST_P(MemoryDeathTest, AnOverflowOnTheHeapAndAUseAfterFreeAreFound) {
  EXPECT_EXIT(run_after_wait([] {
                volatile std::size_t beyond = 8;
                const std::vector<int> numbers(8);
                yield();
                std::_Exit(read_at(numbers.data(), beyond));
              }),
              failed,
              AllOf(HasSubstr("AddressSanitizer: heap-buffer-overflow"), HasSubstr("read_at")));
  EXPECT_EXIT(run_after_wait([] {
                const int* const number = new int(1);
                delete number;
                yield();
                std::_Exit(read_at(number, 0));
              }),
              failed,
              AllOf(HasSubstr("AddressSanitizer: heap-use-after-free"), HasSubstr("read_at")));
}

[[gnu::noinline]] int add(int a, int b) { return a + b; }

TEST_P(MemoryDeathTest, UndefinedBehaviourInATaskIsFound) {
  EXPECT_EXIT(run_after_wait([] {
                volatile int big = std::numeric_limits<int>::max();
                std::_Exit(add(big, 1));
              }),
              failed, HasSubstr("runtime error: signed integer overflow"));
}

class MemoryTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(MemoryTest);

[[gnu::noinline]] void fill_and_throw(int depth) {
  volatile char frame[200];
  for (volatile char& byte : frame) byte = static_cast<char>(depth);
  if (depth == 0) throw std::runtime_error("from below");
  fill_and_throw(depth - 1);
  frame[0] = frame[1];
}

// What an exception leaves of the frames that it passes must not be taken for theirs by the next.
TEST_P(MemoryTest, ExceptionsAcrossSwitchesLeaveNothingBehind) {
  run([] {
    WaitGroup group;
    for (int i = 0; i < test::sized(800); ++i) {
      group.go([i] {
        for (int round = 0; round < 3; ++round) {
          try {
            yield();
            fill_and_throw(i % 20);
          } catch (const std::runtime_error&) {
            yield();
          }
          volatile char fresh[4000];
          for (volatile char& byte : fresh) byte = 1;
        }
      });
    }
    group.wait();
  });
}

// Stacks are used again after tasks that ended, or waited, at other depths.
TEST_P(MemoryTest, AStackThatIsUsedAgainIsClean) {
  run([] {
    for (int round = 0; round < 20; ++round) {
      WaitGroup group;
      for (int i = 0; i < 50; ++i) {
        group.go([i] {
          volatile char frame[512] = {};
          if (i % 3 == 0) yield();
          EXPECT_EQ(frame[i], 0);
          frame[i] = 1;
        });
      }
      group.wait();
    }
  });
}

}  // namespace
}  // namespace taskscope
#endif
