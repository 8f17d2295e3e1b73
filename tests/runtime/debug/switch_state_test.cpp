// What a task finds after a wait of what the language keeps for each thread: exceptions are the
// task's own, thread_local variables and errno are the thread's. And its stack is whole: unwinders
// find the same calls before and after.
#include <execinfo.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include "runtime/debug/stack_trace.h"
#include "runtime/debug/symbolizer.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using ::testing::ElementsAreArray;

class SwitchStateTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SwitchStateTest);

constexpr int kTasks = 40;

// Every task waits for the others, so that all are interleaved, on all workers.
class Turns {
 public:
  void wait() { barrier_.wait(); }

 private:
  Barrier barrier_{kTasks};
};

TEST_P(SwitchStateTest, AnExceptionThatIsBeingHandledIsTheTasksOwn) {
  run([] {
    Turns turns;
    WaitGroup group;
    for (int i = 0; i < kTasks; ++i) {
      group.go([&turns, i] {
        try {
          throw std::runtime_error(std::to_string(i));
        } catch (const std::runtime_error& mine) {
          turns.wait();
          try {
            throw;  // the last one that this task has caught
          } catch (const std::runtime_error& again) {
            EXPECT_EQ(&again, &mine);
            turns.wait();
          }
          EXPECT_EQ(mine.what(), std::to_string(i));
        }
        EXPECT_EQ(std::current_exception(), nullptr);
      });
    }
    group.wait();
  });
}

TEST_P(SwitchStateTest, ADestructorMayWaitWhileAnExceptionPasses) {
  run([] {
    Turns turns;
    WaitGroup group;
    std::atomic<int> passed{0};
    struct Waits {
      Turns& turns;
      ~Waits() {
        EXPECT_EQ(std::uncaught_exceptions(), 1);
        turns.wait();
        EXPECT_EQ(std::uncaught_exceptions(), 1);
      }
    };
    for (int i = 0; i < kTasks; ++i) {
      group.go([&] {
        try {
          const Waits waits{turns};
          throw std::runtime_error("passes");
        } catch (const std::runtime_error&) {
          ++passed;
        }
        EXPECT_EQ(std::uncaught_exceptions(), 0);
      });
    }
    group.wait();
    EXPECT_EQ(passed, kTasks);
  });
}

thread_local int t_thread_id = 0;
// Not inlined, so that no compiler keeps the variable's address over a wait.
[[gnu::noinline]] int noted_thread() {
  asm volatile("");
  if (t_thread_id == 0) t_thread_id = gettid();
  return t_thread_id;
}

TEST_P(SwitchStateTest, AThreadLocalVariableIsThatOfTheThreadWhereverTheTaskGoesOn) {
  if (TASKSCOPE_TSAN) GTEST_SKIP() << "two tasks of one thread that use one are a race to it";
  run([] {
    Turns turns;
    WaitGroup group;
    for (int i = 0; i < kTasks; ++i) {
      group.go([&turns] {
        for (int round = 0; round < 20; ++round) {
          EXPECT_EQ(noted_thread(), gettid());
          turns.wait();
        }
      });
    }
    group.wait();
  });
}

[[gnu::noinline]] int* errno_place() {
  asm volatile("");
  return &errno;
}

TEST_P(SwitchStateTest, ErrnoStaysWhileATaskDoesNotWait) {
  run([] {
    std::atomic<bool> done{false};
    WaitGroup group;
    group.go([&] {
      const int* const place = errno_place();
      errno = 4711;
      // Loses its worker meanwhile, and its calls are looked at: both by a signal.
      while (!done) {
      }
      EXPECT_EQ(errno_place(), place);
      EXPECT_EQ(errno, 4711);
    });
    for (int i = 0; i < 10; ++i) yield();
    dump_tasks();
    done = true;
    group.wait();
  });
}

TEST_P(SwitchStateTest, ErrnoIsTheThreadsAfterAWait) {
  run([] {
    Turns turns;
    WaitGroup group;
    for (int i = 0; i < kTasks; ++i) {
      group.go([&turns] {
        for (int round = 0; round < 5; ++round) {
          turns.wait();
          // What a call leaves there is read before the next wait.
          EXPECT_EQ(::close(-1), -1);
          EXPECT_EQ(*errno_place(), EBADF);
        }
      });
    }
    group.wait();
  });
}

[[gnu::noinline]] std::vector<void*> calls() {
  std::array<void*, 64> addresses{};
  const int count = backtrace(addresses.data(), static_cast<int>(addresses.size()));
  // Without this one's own place.
  return std::vector<void*>(addresses.begin() + 1, addresses.begin() + count);
}

[[gnu::noinline]] std::vector<std::vector<void*>> calls_around_waits(int depth, Turns& turns) {
  std::vector<std::vector<void*>> found;
  if (depth > 0) {
    found = calls_around_waits(depth - 1, turns);
    asm volatile("");
    return found;
  }
  for (int i = 0; i < 3; ++i) {
    found.push_back(calls());
    turns.wait();
  }
  return found;
}

TEST_P(SwitchStateTest, ABacktraceIsTheSameAfterAWaitAndEndsAtTheTasksEntry) {
  run([] {
    Turns turns;
    WaitGroup group;
    for (int i = 0; i < kTasks; ++i) {
      group.go([&] {
        const auto found = calls_around_waits(5, turns);
        ASSERT_GT(found[0].size(), 6u);
        EXPECT_THAT(found[1], ElementsAreArray(found[0]));
        EXPECT_THAT(found[2], ElementsAreArray(found[0]));
        const debug::Symbolizer symbolizer;
        const auto last = reinterpret_cast<std::uintptr_t>(found[0].back()) - 1;
        EXPECT_EQ(symbolizer.lookup(last).back().function, "taskscope_stack_entry");
      });
    }
    group.wait();
  });
}

[[gnu::noinline]] void throw_from(int depth, Turns& turns, int& unwound) {
  struct Counts {
    int& unwound;
    ~Counts() { ++unwound; }
  } counts{unwound};
  if (depth == 0) {
    turns.wait();
    throw std::runtime_error("from below");
  }
  throw_from(depth - 1, turns, unwound);
  asm volatile("");
}

TEST_P(SwitchStateTest, AnExceptionUnwindsFramesThatWereThereBeforeAWait) {
  run([] {
    Turns turns;
    WaitGroup group;
    for (int i = 0; i < kTasks; ++i) {
      group.go([&turns, i] {
        int unwound = 0;
        EXPECT_THROW(throw_from(i, turns, unwound), std::runtime_error);
        EXPECT_EQ(unwound, i + 1);
      });
    }
    group.wait();
  });
}

}  // namespace
}  // namespace taskscope
