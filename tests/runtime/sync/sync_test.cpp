#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

using test::panic_of;
using test::sized;

class SyncTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(SyncTest);

TEST_P(SyncTest, WaitReturnsWhenTheLastOneIsDone) {
  run([] {
    WaitGroup group;
    std::atomic<int> done{0};
    group.add(10);
    for (int i = 0; i < 10; ++i) {
      go([&] {
        yield();
        ++done;
        group.done();
      });
    }
    group.wait();
    EXPECT_EQ(done, 10);
    group.wait();  // at zero it returns at once
  });
}

TEST_P(SyncTest, SeveralTasksMayWaitForOneGroup) {
  run([] {
    WaitGroup work("work");
    WaitGroup waiters;
    work.add(1);
    std::atomic<int> released{0};
    for (int i = 0; i < 20; ++i) {
      waiters.go([&] {
        work.wait();
        ++released;
      });
    }
    test::wait_until_blocked(20);
    EXPECT_EQ(released, 0);
    work.done();
    waiters.wait();
    EXPECT_EQ(released, 20);
  });
}

TEST_P(SyncTest, AGroupMayBeUsedAgain) {
  run([] {
    WaitGroup group;
    for (int round = 0; round < sized(2'000); ++round) {
      int sum[3] = {};
      for (int& part : sum) group.go([&part] { part = 1; });
      group.wait();
      ASSERT_EQ(sum[0] + sum[1] + sum[2], 3);
    }
  });
}

TEST_P(SyncTest, AGroupMayDieAsSoonAsItsWaitReturns) {
  run([] {
    for (int round = 0; round < sized(5'000); ++round) {
      auto group = std::make_unique<WaitGroup>();
      for (int i = 0; i < 4; ++i) group->go([] { yield(); });
      group->wait();
      group.reset();
    }
  });
}

TEST_P(SyncTest, AFunctionWhoseCopyThrowsDoesNotCount) {
  struct Refuses {
    Refuses() = default;
    Refuses(const Refuses&) { throw std::runtime_error("not copied"); }
    void operator()() const {}
  };
  const auto stats = run([] {
    const Refuses refuses;
    WaitGroup group("round");
    EXPECT_THROW(group.go(refuses), std::runtime_error);
    EXPECT_THROW(group.go("named", refuses), std::runtime_error);
    EXPECT_EQ(panic_of([&] { group.done(); }), "negative counter of WaitGroup \"round\"");
    group.wait();
  });
  EXPECT_EQ(stats.tasks_spawned, 1u);
}

TEST_P(SyncTest, ANegativeCounterPanicsAndLeavesTheGroupAsItWas) {
  run([] {
    WaitGroup group("round");
    EXPECT_EQ(panic_of([&] { group.done(); }), "negative counter of WaitGroup \"round\"");
    group.wait();
    group.add(2);
    EXPECT_EQ(panic_of([&] { group.add(-3); }), "negative counter of WaitGroup \"round\"");
    group.add(-2);
    group.wait();
  });
}

TEST_P(SyncTest, OneTaskAtATimeIsInsideAMutex) {
  run([] {
    Mutex mutex;
    std::int64_t counter = 0;
    int inside = 0;
    WaitGroup group;
    constexpr int kRounds = sized(20'000);
    for (int t = 0; t < 8; ++t) {
      group.go([&] {
        for (int i = 0; i < kRounds; ++i) {
          const std::scoped_lock lock(mutex);
          EXPECT_EQ(++inside, 1);
          ++counter;
          if (i % 100 == 0) yield();
          --inside;
        }
      });
    }
    group.wait();
    EXPECT_EQ(counter, 8 * kRounds);
  });
}

TEST_P(SyncTest, AMutexIsOfferedToTheLongestWaiter) {
  run([] {
    Mutex mutex;
    WaitGroup group;
    std::vector<std::size_t> order;
    mutex.lock();
    for (std::size_t i = 0; i < 6; ++i) {
      group.go([&, i] {
        const std::lock_guard lock(mutex);
        order.push_back(i);
      });
      test::wait_until_blocked(i + 1);
    }
    mutex.unlock();
    group.wait();
    EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4, 5}));
  });
}

TEST_P(SyncTest, TryLockTakesOnlyAFreeMutex) {
  run([] {
    Mutex mutex;
    EXPECT_TRUE(mutex.try_lock());
    EXPECT_FALSE(mutex.try_lock());
    mutex.unlock();
    std::unique_lock lock(mutex, std::try_to_lock);
    EXPECT_TRUE(lock.owns_lock());
  });
}

TEST_P(SyncTest, AnotherTaskMayUnlock) {
  run([] {
    Mutex mutex;
    mutex.lock();
    go([&] { mutex.unlock(); });
    mutex.lock();
    mutex.unlock();
  });
}

TEST_P(SyncTest, UnlockOfAnUnlockedMutexPanics) {
  run([] {
    Mutex mutex("books");
    EXPECT_EQ(panic_of([&] { mutex.unlock(); }), "unlock of unlocked mutex \"books\"");
    mutex.lock();
    mutex.unlock();
  });
}

TEST_P(SyncTest, OtherThreadsMayUnlockAndBeDone) {
  run([] {
    Mutex mutex;
    WaitGroup group;
    mutex.lock();
    group.add(1);
    std::thread outside([&] {
      mutex.unlock();
      group.done();
    });
    mutex.lock();
    group.wait();
    outside.join();
    mutex.unlock();
  });
}

}  // namespace
}  // namespace taskscope
