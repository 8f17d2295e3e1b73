#include "runtime/sync/rwmutex.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <random>
#include <shared_mutex>
#include <type_traits>
#include <vector>

#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/sync/sync_support.h"

namespace taskscope {
namespace {

using test::panic_of;
using test::sized;

class RWMutexTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(RWMutexTest);

static_assert(!std::is_copy_constructible_v<RWMutex> && !std::is_move_constructible_v<RWMutex>);

// Go's TestParallelReaders.
TEST_P(RWMutexTest, ReadersHoldItTogether) {
  run([] {
    RWMutex mutex;
    auto inside = make_chan<int>();
    auto leave = make_chan<int>();
    WaitGroup group;
    for (int i = 0; i < 4; ++i) {
      group.go([&] {
        const std::shared_lock lock(mutex);
        inside.send(1);
        leave.recv();
      });
    }
    for (int i = 0; i < 4; ++i) inside.recv();  // all are inside at once
    EXPECT_FALSE(mutex.try_lock());
    EXPECT_TRUE(mutex.try_lock_shared());
    mutex.unlock_shared();
    leave.close();
    group.wait();
    EXPECT_TRUE(mutex.try_lock());
    EXPECT_FALSE(mutex.try_lock_shared());
    mutex.unlock();
  });
}

// Go's TestRWMutex (HammerRWMutex).
TEST_P(RWMutexTest, WritersAreAloneAndReadersAmongThemselves) {
  run([] {
    RWMutex mutex;
    std::atomic<int> activity{0};  // 10,000 per writer, 1 per reader
    WaitGroup group;
    constexpr int kRounds = sized(4'000);
    for (int t = 0; t < 8; ++t) {
      group.go([&, t] {
        for (int i = 0; i < kRounds; ++i) {
          if ((i + t) % 5 == 0) {
            const std::scoped_lock lock(mutex);
            EXPECT_EQ(activity.fetch_add(10'000), 0);
            if (i % 16 == 0) yield();
            EXPECT_EQ(activity.fetch_sub(10'000), 10'000);
          } else {
            const std::shared_lock lock(mutex);
            EXPECT_LT(activity.fetch_add(1), 10'000);
            if (i % 16 == 0) yield();
            activity.fetch_sub(1);
          }
        }
      });
    }
    group.wait();
    EXPECT_TRUE(mutex.try_lock());
    mutex.unlock();
  });
}

TEST_P(RWMutexTest, AWaitingWriterKeepsNewReadersOut) {
  run([] {
    RWMutex mutex;
    std::vector<char> order;
    Mutex order_mutex;
    const auto note = [&](char what) {
      const std::scoped_lock lock(order_mutex);
      order.push_back(what);
    };
    WaitGroup group;
    mutex.lock_shared();
    group.go([&] {
      const std::scoped_lock lock(mutex);
      note('w');
    });
    test::wait_until_blocked(1);
    EXPECT_FALSE(mutex.try_lock_shared());
    group.go([&] {
      const std::shared_lock lock(mutex);
      note('r');
    });
    test::wait_until_blocked(2);
    EXPECT_TRUE(order.empty());
    mutex.unlock_shared();
    group.wait();
    EXPECT_EQ(order, (std::vector<char>{'w', 'r'}));
  });
}

TEST_P(RWMutexTest, ReadersThatWaitedGoBeforeTheNextWriter) {
  run([] {
    RWMutex mutex;
    std::atomic<int> readers{0};
    int seen_by_writer = -1;
    WaitGroup group;
    mutex.lock();
    group.go([&] {
      const std::scoped_lock lock(mutex);
      seen_by_writer = readers;
    });
    test::wait_until_blocked(1);
    for (int i = 0; i < 3; ++i) {
      group.go([&] {
        const std::shared_lock lock(mutex);
        ++readers;
      });
    }
    test::wait_until_blocked(4);
    mutex.unlock();
    group.wait();
    EXPECT_EQ(seen_by_writer, 3);
  });
}

TEST_P(RWMutexTest, AReaderOrWriterThatGivesUpHoldsNobodyBack) {
  run([] {
    RWMutex mutex;
    const test::FakeContext context;
    WaitGroup group;
    std::atomic<int> read{0};
    mutex.lock_shared();
    group.go([&] { EXPECT_FALSE(mutex.lock(context)); });
    test::wait_until_blocked(1);
    group.go([&] {  // behind the writer only
      mutex.lock_shared();
      ++read;
      mutex.unlock_shared();
    });
    group.go([&] { EXPECT_FALSE(mutex.lock_shared(context)); });
    test::wait_until_blocked(3);
    EXPECT_EQ(read, 0);
    context.done.close();
    group.wait();
    EXPECT_EQ(read, 1);
    EXPECT_FALSE(mutex.lock(context));
    EXPECT_FALSE(mutex.lock_shared(context));
    mutex.unlock_shared();
    const test::FakeContext alive;
    EXPECT_TRUE(mutex.lock(alive));
    mutex.unlock();
    EXPECT_TRUE(mutex.lock_shared(alive));
    mutex.unlock_shared();
  });
}

TEST_P(RWMutexTest, GivingUpInTheMiddleOfEverythingLosesNoWakeUp) {
  run([] {
    RWMutex mutex;
    std::atomic<int> activity{0};
    WaitGroup group;
    for (int t = 0; t < 6; ++t) {
      group.go([&, t] {
        for (int i = 0; i < sized(1'000); ++i) {
          const test::FakeContext context;
          if (i % 3 == 0) go([done = context.done] { done.close(); });
          if ((i + t) % 3 == 0) {
            if (!mutex.lock(context)) continue;
            EXPECT_EQ(activity.fetch_add(10'000), 0);
            if (i % 4 == 0) yield();
            activity.fetch_sub(10'000);
            mutex.unlock();
          } else {
            if (!mutex.lock_shared(context)) continue;
            EXPECT_LT(activity.fetch_add(1), 10'000);
            if (i % 4 == 0) yield();
            activity.fetch_sub(1);
            mutex.unlock_shared();
          }
        }
      });
    }
    group.wait();
    EXPECT_TRUE(mutex.try_lock());
    mutex.unlock();
  });
}

// Whoever has waited for a millisecond is handed it, and nobody comes in between.
TEST_P(RWMutexTest, AStarvedReaderOrWriterIsHandedIt) {
  run([] {
    for (const bool writes : {false, true}) {
      RWMutex mutex;
      std::atomic<bool> got{false};
      WaitGroup group;
      mutex.lock();
      group.go([&] {
        writes ? mutex.lock() : mutex.lock_shared();
        got = true;
        writes ? mutex.unlock() : mutex.unlock_shared();
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
    }
  });
}

// Two readers that always overlap: without a rule the writer would never find it free.
TEST_P(RWMutexTest, ReadersThatOverlapDoNotStarveAWriter) {
  run([] {
    RWMutex mutex;
    std::atomic<bool> stop{false};
    auto turn = make_chan<int>();
    WaitGroup group;
    mutex.lock_shared();
    group.go([&] {
      const std::scoped_lock lock(mutex);
      stop = true;
    });
    test::wait_until_blocked(1);
    group.go([&] {
      mutex.lock_shared();
      mutex.unlock_shared();
      turn.send(1);
    });
    test::wait_until_blocked(2);  // the second reader does not join the first
    EXPECT_FALSE(stop);
    mutex.unlock_shared();
    turn.recv();
    EXPECT_TRUE(stop);
    group.wait();
  });
}

TEST_P(RWMutexTest, MisuseIsAPanicAndChangesNothing) {
  run([] {
    RWMutex mutex("routes");
    const char* const unlocked = "unlock of unlocked RWMutex \"routes\"";
    const char* const not_read = "unlock_shared of unlocked RWMutex \"routes\"";
    EXPECT_EQ(panic_of([&] { mutex.unlock(); }), unlocked);
    EXPECT_EQ(panic_of([&] { mutex.unlock_shared(); }), not_read);
    mutex.lock();
    EXPECT_EQ(panic_of([&] { mutex.unlock_shared(); }), not_read);
    mutex.unlock();
    mutex.lock_shared();
    EXPECT_EQ(panic_of([&] { mutex.unlock(); }), unlocked);
    mutex.unlock_shared();
    EXPECT_TRUE(mutex.try_lock());
    mutex.unlock();
  });
}

// Against a sequential reference: tasks do random things under a seed; whenever a lock is held, the
// reference, which is written under the lock itself, must allow it.
TEST_P(RWMutexTest, NoScheduleBreaksTheModel) {
  constexpr std::uint32_t kSeed = 20'261'121;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  run([] {
    for (std::uint32_t round = 0; round < 40; ++round) {
      RWMutex mutex;
      base::Lock model_lock;
      int readers = 0;
      int writers = 0;
      const auto change = [&](int read, int write) {
        const base::LockGuard guard(model_lock);
        readers += read;
        writers += write;
        EXPECT_TRUE(writers == 0 || (writers == 1 && readers == 0));
      };
      WaitGroup group;
      for (std::uint32_t t = 0; t < 6; ++t) {
        group.go([&, t] {
          std::minstd_rand random(kSeed + 100 * round + t);
          for (int i = 0; i < sized(200); ++i) {
            switch (random() % 4) {
              case 0:
                mutex.lock();
                change(0, 1);
                if (random() % 2 == 0) yield();
                change(0, -1);
                mutex.unlock();
                break;
              case 1:
                if (!mutex.try_lock()) break;
                change(0, 1);
                change(0, -1);
                mutex.unlock();
                break;
              case 2:
                mutex.lock_shared();
                change(1, 0);
                if (random() % 2 == 0) yield();
                change(-1, 0);
                mutex.unlock_shared();
                break;
              default:
                if (!mutex.try_lock_shared()) break;
                change(1, 0);
                change(-1, 0);
                mutex.unlock_shared();
                break;
            }
          }
        });
      }
      group.wait();
      EXPECT_EQ(readers, 0);
      EXPECT_EQ(writers, 0);
    }
  });
}

}  // namespace
}  // namespace taskscope
