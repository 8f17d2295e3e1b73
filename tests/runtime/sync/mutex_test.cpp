#include "runtime/sync/mutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <type_traits>

#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/sync/sync_support.h"

namespace taskscope {
namespace {

using test::sized;

class MutexTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(MutexTest);

static_assert(!std::is_copy_constructible_v<Mutex> && !std::is_move_constructible_v<Mutex>);
static_assert(!std::is_copy_constructible_v<WaitGroup> && !std::is_copy_constructible_v<Cond> &&
              !std::is_copy_constructible_v<Once> && !std::is_copy_constructible_v<Semaphore> &&
              !std::is_copy_constructible_v<Barrier> && !std::is_copy_constructible_v<Pool<int>> &&
              !std::is_copy_constructible_v<Map<int, int>> &&
              !std::is_copy_constructible_v<Lazy<int>>);

// Go's TestMutexFairness: one task holds the mutex most of the time, another must get its turns.
TEST_P(MutexTest, ATaskThatHardlyLetsGoDoesNotStarveAnother) {
  run([] {
    Mutex mutex;
    std::atomic<bool> stop{false};
    WaitGroup group;
    group.go([&] {
      while (!stop) {
        const std::scoped_lock lock(mutex);
        const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
        while (std::chrono::steady_clock::now() < until) {
        }
        yield();
      }
    });
    for (int i = 0; i < 10; ++i) {
      yield();
      const std::scoped_lock lock(mutex);
    }
    stop = true;
    group.wait();
  });
}

// Whoever has waited for a millisecond is handed the mutex, and nobody comes in between.
TEST_P(MutexTest, AStarvedWaiterIsHandedTheMutex) {
  run([] {
    Mutex mutex;
    std::atomic<bool> got{false};
    WaitGroup group;
    mutex.lock();
    group.go([&] {
      const std::scoped_lock lock(mutex);
      got = true;
    });
    test::wait_until_blocked(1);
    // Let go and take it again at once: the waiter comes too late until it is starving.
    for (int i = 0; !got; ++i) {
      mutex.unlock();
      mutex.lock();
      const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(200);
      while (std::chrono::steady_clock::now() < until) yield();
      ASSERT_LT(i, 10'000);
    }
    mutex.unlock();
    group.wait();
  });
}

TEST_P(MutexTest, AWaiterThatGivesUpHoldsNobodyBack) {
  run([] {
    Mutex mutex;
    const test::FakeContext context;
    WaitGroup group;
    mutex.lock();
    for (int i = 0; i < 3; ++i) group.go([&] { EXPECT_FALSE(mutex.lock(context)); });
    group.go([&] {
      mutex.lock();
      mutex.unlock();
    });
    test::wait_until_blocked(4);
    context.done.close();
    test::wait_until_blocked(1);
    mutex.unlock();
    group.wait();
    EXPECT_FALSE(mutex.lock(context)) << "a context that is done wins";
    const test::FakeContext alive;
    EXPECT_TRUE(mutex.lock(alive));
    mutex.unlock();
  });
}

TEST_P(MutexTest, GivingUpInTheMiddleOfEverythingLosesNoWakeUp) {
  run([] {
    Mutex mutex;
    int inside = 0;
    WaitGroup group;
    for (int t = 0; t < 6; ++t) {
      group.go([&] {
        for (int i = 0; i < sized(2'000); ++i) {
          const test::FakeContext context;
          if (i % 3 == 0) go([done = context.done] { done.close(); });
          if (!mutex.lock(context)) continue;
          EXPECT_EQ(++inside, 1);
          if (i % 4 == 0) yield();
          --inside;
          mutex.unlock();
        }
      });
    }
    group.wait();
    EXPECT_TRUE(mutex.try_lock());
    mutex.unlock();
  });
}

// The last one to unlock may destroy it, though the one before may still be inside unlock().
TEST_P(MutexTest, AMutexMayDieAsSoonAsTheLastOneHasUnlockedIt) {
  run([] {
    struct Shared {
      Mutex mutex;
      int users = 4;
    };
    for (int round = 0; round < sized(4'000); ++round) {
      auto* shared = new Shared;
      WaitGroup group;
      for (int i = 0; i < 4; ++i) {
        group.go([shared] {
          shared->mutex.lock();
          const bool last = --shared->users == 0;
          shared->mutex.unlock();
          if (last) delete shared;
        });
      }
      group.wait();
    }
  });
}

TEST_P(MutexTest, SeveralMutexesAreLockedWithoutADeadlock) {
  run([] {
    Mutex a;
    Mutex b;
    RWMutex c;
    int count = 0;
    WaitGroup group;
    for (int t = 0; t < 4; ++t) {
      group.go([&, t] {
        for (int i = 0; i < sized(500); ++i) {
          if (t % 2 == 0) {
            const std::scoped_lock lock(a, b, c);
            ++count;
          } else {
            const std::scoped_lock lock(c, b, a);
            ++count;
          }
        }
      });
    }
    group.wait();
    EXPECT_EQ(count, 4 * sized(500));
  });
}

TEST_P(MutexTest, AUniqueLockDoesWhatTheStandardsDoes) {
  run([] {
    Mutex mutex;
    std::unique_lock lock(mutex, std::defer_lock);
    EXPECT_FALSE(lock);
    EXPECT_THROW(lock.unlock(), std::system_error);
    lock.lock();
    EXPECT_THROW(lock.lock(), std::system_error);
    std::unique_lock<Mutex> other = std::move(lock);
    EXPECT_TRUE(other.owns_lock());
    EXPECT_EQ(lock.mutex(), nullptr);
    EXPECT_FALSE(mutex.try_lock());
    other.unlock();
    EXPECT_TRUE(other.try_lock());
    EXPECT_EQ(other.release(), &mutex);
    const std::unique_lock adopted(mutex, std::adopt_lock);
    EXPECT_TRUE(adopted.owns_lock());
  });
}

TEST_P(MutexTest, ATaskKnowsWhatItHolds) {
  run([] {
    Mutex mutex;
    RWMutex routes;
    EXPECT_FALSE(mutex.held_by_current_task());
    mutex.lock();
    EXPECT_TRUE(mutex.held_by_current_task());
    WaitGroup group;
    group.go([&] { EXPECT_FALSE(mutex.held_by_current_task()); });
    group.wait();
    std::thread([&] { EXPECT_FALSE(mutex.held_by_current_task()); }).join();
    // As in Go another one may unlock it.
    group.go([&] { mutex.unlock(); });
    group.wait();
    EXPECT_FALSE(mutex.held_by_current_task());
    {
      const std::shared_lock reading(routes);
      EXPECT_FALSE(routes.held_by_current_task());
    }
    EXPECT_TRUE(routes.try_lock());
    EXPECT_TRUE(routes.held_by_current_task());
    routes.unlock();
    EXPECT_FALSE(routes.held_by_current_task());
  });
}

TEST_P(MutexTest, WhoeverHasItKnowsHoweverManyCome) {
  run([] {
    Mutex mutex;
    WaitGroup group;
    for (int i = 0; i < 4; ++i) {
      group.go([&] {
        for (int k = 0; k < sized(20'000); ++k) {
          mutex.lock();
          ASSERT_TRUE(mutex.held_by_current_task());
          mutex.unlock();
        }
      });
    }
    group.wait();
  });
}

}  // namespace
}  // namespace taskscope
