#include "runtime/stack/context.h"

#include <gtest/gtest.h>
#include <unwind.h>

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <thread>
#include <vector>

#include "runtime/stack/stack_pool.h"

namespace taskscope::stack {
namespace {

// One context on a pooled stack beside the test's own.
class ContextTest : public ::testing::Test {
 protected:
  ContextTest() : pool_({.slots_max = 256}) {
    main_.adopt_thread();
    EXPECT_EQ(pool_.take(&stack_, 1), 1u);
  }
  ~ContextTest() override {
    task_.retire();
    pool_.give_back(&stack_, 1);
  }

  void start(void (*body)(ContextTest&)) {
    body_ = body;
    task_.prepare(pool_.extent(stack_), &ContextTest::entry, this, main_);
    resume();
  }
  // What the scheduler's queues tell ThreadSanitizer, these tests say themselves.
  void resume() {
    base::annotate_release(this);
    main_.switch_to(task_);
    base::annotate_acquire(this);
  }

  static void entry(void* argument) {
    Context::entered();
    auto& self = *static_cast<ContextTest*>(argument);
    base::annotate_acquire(&self);
    self.body_(self);
    base::annotate_release(&self);
    self.task_.finish_into(self.main_);
  }

 public:
  void back() {
    base::annotate_release(this);
    task_.switch_to(main_);
    base::annotate_acquire(this);
  }

  StackPool pool_;
  StackId stack_ = kNoStack;
  Context main_;
  Context task_;
  void (*body_)(ContextTest&) = nullptr;
  std::vector<int> log_;
  std::uintptr_t address_ = 0;
  int frames_ = 0;
};

TEST_F(ContextTest, ControlGoesBackAndForth) {
  start([](ContextTest& test) {
    test.log_.push_back(1);
    test.back();
    test.log_.push_back(3);
  });
  log_.push_back(2);
  resume();
  log_.push_back(4);
  EXPECT_EQ(log_, (std::vector<int>{1, 2, 3, 4}));
}

TEST_F(ContextTest, TheBodyRunsOnItsStackWithTheAbisAlignment) {
  start([](ContextTest& test) {
    alignas(16) volatile char here[16] = {};
    test.address_ = reinterpret_cast<std::uintptr_t>(&here);
  });
  const Extent extent = pool_.extent(stack_);
  const auto low = reinterpret_cast<std::uintptr_t>(extent.low);
  EXPECT_EQ(address_ % 16, 0u);
#if !TASKSCOPE_ASAN  // whose locals may live elsewhere
  EXPECT_GE(address_, low);
  EXPECT_LT(address_, low + extent.bytes);
#else
  EXPECT_NE(low, 0u);
#endif
}

TEST_F(ContextTest, AnExceptionIsCaughtOnTheStackItIsThrownOn) {
  start([](ContextTest& test) {
    for (int i = 0; i < 3; ++i) {
      try {
        throw std::runtime_error("x");
      } catch (const std::runtime_error&) {
        test.log_.push_back(i);
      }
      test.back();
    }
  });
  resume();
  resume();
  EXPECT_EQ(log_, (std::vector<int>{0, 1, 2}));
  resume();
}

TEST_F(ContextTest, UnwindersStopAtTheEntry) {
  start([](ContextTest& test) {
    const auto result = _Unwind_Backtrace(
        [](_Unwind_Context*, void* count) {
          return ++*static_cast<int*>(count) < 100 ? _URC_NO_REASON : _URC_NORMAL_STOP;
        },
        &test.frames_);
    EXPECT_EQ(result, _URC_END_OF_STACK);
  });
  EXPECT_GE(frames_, 2);
  EXPECT_LT(frames_, 20);
}

TEST_F(ContextTest, ItMayContinueOnAnotherThread) {
  start([](ContextTest& test) {
    test.log_.push_back(1);
    test.back();
    test.log_.push_back(2);
    test.back();
    test.log_.push_back(3);
  });
  std::thread([this] {
    Context mine;
    mine.adopt_thread();
    std::swap(mine, main_);
    resume();
    std::swap(mine, main_);
  }).join();
  resume();
  EXPECT_EQ(log_, (std::vector<int>{1, 2, 3}));
}

}  // namespace
}  // namespace taskscope::stack
