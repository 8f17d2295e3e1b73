// Cond, Once, Lazy, Semaphore, Barrier, and the misuse of WaitGroup.
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "runtime/sched/preempt.h"
#include "tests/runtime/support/panic_of.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/sync/sync_support.h"

namespace taskscope {
namespace {

using test::FakeContext;
using test::panic_of;
using test::sized;

class PrimitivesTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(PrimitivesTest);

// ---- Cond (Go's TestCondSignal, TestCondSignalGenerations, TestCondBroadcast, TestRace) ----

TEST_P(PrimitivesTest, ASignalWakesTheLongestWaiterAndNoOther) {
  run([] {
    Mutex mutex;
    Cond cond;
    std::vector<std::size_t> woken;
    WaitGroup group;
    for (std::size_t i = 0; i < 5; ++i) {
      group.go([&, i] {
        std::unique_lock lock(mutex);
        cond.wait(lock);
        woken.push_back(i);
      });
      test::wait_until_blocked(i + 1);
    }
    for (std::size_t i = 0; i < 5; ++i) {
      cond.signal();
      test::wait_until_blocked(4 - i);
      for (bool there = false; !there;) {
        yield();
        const std::scoped_lock lock(mutex);
        there = woken.size() == i + 1;
      }
    }
    cond.signal();  // nobody waits: it is not kept
    group.wait();
    EXPECT_EQ(woken, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
  });
}

TEST_P(PrimitivesTest, ABroadcastWakesAll) {
  run([] {
    Mutex mutex;
    Cond cond;
    bool ready = false;
    int through = 0;
    WaitGroup group;
    for (int i = 0; i < 50; ++i) {
      group.go([&] {
        std::unique_lock lock(mutex);
        cond.wait(lock, [&] { return ready; });
        ++through;
      });
    }
    test::wait_until_blocked(50);
    {
      const std::scoped_lock lock(mutex);
      ready = true;
    }
    cond.broadcast();
    group.wait();
    EXPECT_EQ(through, 50);
  });
}

TEST_P(PrimitivesTest, ABoundedQueueOfTwoCondsLosesNothing) {
  run([] {
    Mutex mutex;
    Cond not_full;
    Cond not_empty;
    std::vector<int> queue;
    constexpr int kEach = sized(4'000);
    std::int64_t sum = 0;
    WaitGroup group;
    for (int p = 0; p < 4; ++p) {
      group.go([&] {
        for (int i = 1; i <= kEach; ++i) {
          std::unique_lock lock(mutex);
          not_full.wait(lock, [&] { return queue.size() < 3; });
          queue.push_back(i);
          not_empty.signal();
        }
      });
      group.go([&] {
        for (int i = 1; i <= kEach; ++i) {
          mutex.lock();
          while (queue.empty()) not_empty.wait(mutex);
          sum += queue.back();
          queue.pop_back();
          mutex.unlock();
          not_full.signal();
        }
      });
    }
    group.wait();
    EXPECT_EQ(sum, std::int64_t{4} * kEach * (kEach + 1) / 2);
  });
}

TEST_P(PrimitivesTest, AConditionIsWaitedForUntilTheContextIsDone) {
  run([] {
    Mutex mutex;
    Cond cond;
    int value = 0;
    const FakeContext context;
    WaitGroup group;
    group.go([&] {
      std::unique_lock lock(mutex);
      EXPECT_TRUE(cond.wait(context, lock, [&] { return value == 2; }));
      EXPECT_FALSE(cond.wait(context, lock, [&] { return value == 3; }));
      EXPECT_TRUE(lock.owns_lock());
      EXPECT_TRUE(cond.wait(context, lock, [&] { return value == 2; })) << "it need not wait";
    });
    for (int i = 1; i <= 2; ++i) {
      test::wait_until_blocked(1);
      const std::scoped_lock lock(mutex);
      value = i;
      cond.broadcast();
    }
    test::wait_until_blocked(1);
    context.done.close();
    group.wait();
  });
}

TEST_P(PrimitivesTest, AWaiterOfACondThatGivesUpTakesNoSignal) {
  run([] {
    Mutex mutex;
    Cond cond;
    const FakeContext context;
    WaitGroup group;
    std::atomic<bool> signalled{false};
    group.go([&] {
      std::unique_lock lock(mutex);
      EXPECT_FALSE(cond.wait(context, lock));
      EXPECT_TRUE(lock.owns_lock());
    });
    test::wait_until_blocked(1);
    group.go([&] {
      std::unique_lock lock(mutex);
      cond.wait(lock);
      signalled = true;
    });
    test::wait_until_blocked(2);
    context.done.close();
    test::wait_until_blocked(1);
    for (bool gone = false; !gone; yield()) {
      gone = mutex.try_lock();
      if (gone) mutex.unlock();
    }
    cond.signal();
    group.wait();
    EXPECT_TRUE(signalled);
  });
}

// ---- Once, Lazy (Go's TestOnce, TestOncePanic, TestOnceValue, TestOnceValuePanic) ----

TEST_P(PrimitivesTest, OnceRunsItsFunctionOnceAndAllWaitForItsEnd) {
  run([] {
    Once once;
    int calls = 0;
    WaitGroup group;
    for (int i = 0; i < 10; ++i) {
      group.go([&] {
        once.run([&] {
          yield();
          ++calls;
        });
        EXPECT_EQ(calls, 1);
        EXPECT_TRUE(once.done());
      });
    }
    group.wait();
    EXPECT_EQ(calls, 1);
  });
}

TEST_P(PrimitivesTest, AFunctionThatThrowsHasRun) {
  run([] {
    Once once;
    EXPECT_THROW(once.run([] { throw std::runtime_error("failed"); }), std::runtime_error);
    once.run([] { FAIL() << "it ran twice"; });
  });
}

TEST_P(PrimitivesTest, WhoWaitsForAOnceMayGiveUp) {
  run([] {
    Once once;
    const FakeContext context;
    auto finish = make_chan<int>();
    WaitGroup group;
    group.go([&] { once.run([&] { finish.recv(); }); });
    test::wait_until_blocked(1);
    WaitGroup gave_up;
    gave_up.go([&] { EXPECT_FALSE(once.run(context, [] { FAIL(); })); });
    test::wait_until_blocked(2);
    context.done.close();
    gave_up.wait();
    finish.close();
    group.wait();
    EXPECT_TRUE(once.run(context, [] { FAIL(); })) << "it has ended: nobody has to wait";
  });
}

TEST_P(PrimitivesTest, ALazyValueIsMadeOnceWhenAskedFor) {
  run([] {
    std::atomic<int> made{0};
    Lazy<std::string> lazy([&] {
      ++made;
      yield();
      return std::string("value");
    });
    EXPECT_EQ(made, 0);
    WaitGroup group;
    for (int i = 0; i < 8; ++i) group.go([&] { EXPECT_EQ(*lazy, "value"); });
    group.wait();
    EXPECT_EQ(lazy->size(), 5u);
    EXPECT_EQ(made, 1);
  });
}

TEST_P(PrimitivesTest, ALazyValueThatCannotBeMadeThrowsForEveryone) {
  run([] {
    int made = 0;
    Lazy<int> lazy([&]() -> int {
      ++made;
      throw std::runtime_error("no value");
    });
    for (int i = 0; i < 3; ++i) EXPECT_THROW(lazy.get(), std::runtime_error);
    EXPECT_EQ(made, 1);
  });
}

// ---- Semaphore (Go's x/sync TestWeighted…, TestLargeAcquireDoesntStarve, TestAllocCancel…) ----

TEST_P(PrimitivesTest, ASemaphoreNeverGivesMoreThanItHas) {
  run([] {
    Semaphore semaphore(10);
    std::atomic<std::int64_t> used{0};
    WaitGroup group;
    for (int t = 1; t <= 8; ++t) {
      group.go([&, t] {
        for (int i = 0; i < sized(2'000); ++i) {
          semaphore.acquire(t);
          EXPECT_LE(used.fetch_add(t) + t, 10);
          if (i % 8 == 0) yield();
          used.fetch_sub(t);
          semaphore.release(t);
        }
      });
    }
    group.wait();
    EXPECT_EQ(semaphore.available(), 10);
  });
}

TEST_P(PrimitivesTest, ALargeRequestIsNotStarvedBySmallOnes) {
  run([] {
    Semaphore semaphore(8);
    std::vector<int> order;
    WaitGroup group;
    semaphore.acquire(4);
    group.go([&] {
      semaphore.acquire(8);
      order.push_back(8);
      semaphore.release(8);
    });
    test::wait_until_blocked(1);
    EXPECT_FALSE(semaphore.try_acquire(1)) << "it would overtake the large one";
    group.go([&] {
      semaphore.acquire(1);
      order.push_back(1);
      semaphore.release(1);
    });
    test::wait_until_blocked(2);
    semaphore.release(4);
    group.wait();
    EXPECT_EQ(order, (std::vector<int>{8, 1}));
  });
}

TEST_P(PrimitivesTest, WhoGivesUpAtASemaphoreLetsThoseBehindPass) {
  run([] {
    Semaphore semaphore(2);
    const FakeContext context;
    WaitGroup group;
    semaphore.acquire(1);
    group.go([&] { EXPECT_FALSE(semaphore.acquire(context, 2)); });
    test::wait_until_blocked(1);
    group.go([&] { semaphore.acquire(1); });
    test::wait_until_blocked(2);
    context.done.close();
    group.wait();
    EXPECT_EQ(semaphore.available(), 0);
    semaphore.release(2);
    EXPECT_FALSE(semaphore.acquire(context));
    const FakeContext alive;
    EXPECT_TRUE(semaphore.acquire(alive, 2));
    EXPECT_FALSE(semaphore.try_acquire());
    semaphore.release(2);
  });
}

TEST_P(PrimitivesTest, NobodyWaitsBehindWhatASemaphoreCanNeverGrant) {
  run([] {
    Semaphore semaphore("permits", 2);
    const FakeContext context;
    WaitGroup group;
    group.go([&] { EXPECT_FALSE(semaphore.acquire(context, 3)); });
    test::wait_until_blocked(1);
    for (int i = 0; i < 3; ++i) {
      semaphore.acquire(2);
      EXPECT_FALSE(semaphore.try_acquire(1));
      semaphore.release(2);
    }
    context.done.close();
    group.wait();
    EXPECT_EQ(panic_of([&] { semaphore.acquire(3); }),
              "request for more than all of Semaphore \"permits\"");
    EXPECT_FALSE(semaphore.try_acquire(3));
    EXPECT_EQ(panic_of([&] { semaphore.acquire(-1); }),
              "negative request to Semaphore \"permits\"");
    EXPECT_EQ(panic_of([&] { static_cast<void>(semaphore.try_acquire(-1)); }),
              "negative request to Semaphore \"permits\"");
    EXPECT_EQ(panic_of([&] { semaphore.release(-1); }),
              "negative release of Semaphore \"permits\"");
    EXPECT_EQ(semaphore.available(), 2);
  });
}

TEST_P(PrimitivesTest, ReleasingMoreThanWasTakenPanics) {
  run([] {
    Semaphore semaphore("permits", 2);
    semaphore.acquire();
    EXPECT_EQ(panic_of([&] { semaphore.release(2); }),
              "release of more than was acquired of Semaphore \"permits\"");
    semaphore.release();
    EXPECT_EQ(semaphore.available(), 2);
  });
}

// ---- Barrier ----

TEST_P(PrimitivesTest, ABarrierLetsNobodyAheadAndNamesOne) {
  run([] {
    constexpr int kParties = 5;
    constexpr int kRounds = sized(400);
    Barrier barrier(kParties);
    std::atomic<int> arrived{0};
    std::atomic<int> last{0};
    WaitGroup group;
    for (int t = 0; t < kParties; ++t) {
      group.go([&] {
        for (int round = 1; round <= kRounds; ++round) {
          ++arrived;
          last += barrier.wait();
          EXPECT_GE(arrived, kParties * round);
          EXPECT_LE(arrived, kParties * round + kParties);
        }
      });
    }
    group.wait();
    EXPECT_EQ(last, kRounds);
  });
}

TEST_P(PrimitivesTest, WhoGivesUpAtABarrierHasNotCome) {
  run([] {
    Barrier barrier(2);
    const FakeContext context;
    WaitGroup group;
    group.go([&] { EXPECT_EQ(barrier.wait(context), Barrier::Outcome::Cancelled); });
    test::wait_until_blocked(1);
    context.done.close();
    group.wait();
    const FakeContext alive;
    group.go([&] { EXPECT_EQ(barrier.wait(alive), Barrier::Outcome::Passed); });
    test::wait_until_blocked(1);
    EXPECT_TRUE(barrier.wait());
    group.wait();
    EXPECT_EQ(panic_of([] { Barrier none(0); }), "barrier of no parties");
  });
}

// ---- WaitGroup ----

TEST_P(PrimitivesTest, WhoWaitsForAGroupMayGiveUp) {
  run([] {
    WaitGroup work;
    WaitGroup waiters;
    const FakeContext context;
    const FakeContext alive;
    work.add(1);
    waiters.go([&] { EXPECT_FALSE(work.wait(context)); });
    waiters.go([&] { EXPECT_TRUE(work.wait(alive)); });
    test::wait_until_blocked(2);
    context.done.close();
    test::wait_until_blocked(1);
    work.done();
    waiters.wait();
    EXPECT_TRUE(work.wait(context)) << "nobody has to wait";
  });
}

// While one lives its task keeps the worker, unless it waits, which it must not.
class NotPreempted {
 public:
  NotPreempted() {
    sigset_t preemption;
    sigemptyset(&preemption);
    sigaddset(&preemption, sched::kPreemptSignal);
    pthread_sigmask(SIG_BLOCK, &preemption, &before_);
  }
  ~NotPreempted() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NotPreempted(const NotPreempted&) = delete;
  NotPreempted& operator=(const NotPreempted&) = delete;

 private:
  sigset_t before_;
};

TEST_P(PrimitivesTest, AGroupThatIsUsedAgainTooEarlySaysSo) {
  run([this] {
    WaitGroup group("round");
    auto message = make_chan<std::string>(1);
    group.add(1);
    go([&] { message.send(panic_of([&] { group.wait(); })); });
    test::wait_until_blocked(1);
    {
      const NotPreempted in_one_go;
      group.done();
      group.add(1);  // the wait has ended, but may not have returned; with one worker it has not
    }
    const std::string said = message.recv().value_or("");
    EXPECT_TRUE((said == "no panic" && workers() > 1) ||
                said == "reuse, before its last wait has returned, of WaitGroup \"round\"")
        << said;
    group.done();
  });
}

TEST_P(PrimitivesTest, WhoAsksForALazyValueGivesUpWithItsContext) {
  run([] {
    const Chan<int> gate = make_chan<int>();
    Lazy<int> value("value", [gate] { return gate.recv().value(); });
    FakeContext over;
    over.done.close();
    EXPECT_EQ(value.get(over), nullptr);  // and does not make it
    WaitGroup group;
    group.go([&] { EXPECT_EQ(value.get(), 5); });
    test::wait_until_blocked(1);
    FakeContext context;
    WaitGroup leaving;
    leaving.go([&] { EXPECT_EQ(value.get(context), nullptr); });
    test::wait_until_blocked(2);
    context.done.close();
    leaving.wait();
    FakeContext open;
    group.go([&] { EXPECT_EQ(*value.get(open), 5); });
    gate.send(5);
    group.wait();
    EXPECT_EQ(*value.get(over), 5);  // nobody has to wait any more
    Lazy<int> broken([]() -> int { throw std::runtime_error("broken"); });
    EXPECT_THROW(static_cast<void>(broken.get(open)), std::runtime_error);
  });
}

TEST_P(PrimitivesTest, AGuardGivesItsPermitsBackAtTheEndOfItsBlock) {
  run([] {
    Semaphore semaphore(5);
    {
      const SemaphoreGuard three(semaphore, 3);
      EXPECT_TRUE(three);
      EXPECT_EQ(three.count(), 3);
      EXPECT_EQ(semaphore.available(), 2);
      const SemaphoreGuard none(semaphore, std::try_to_lock, 3);
      EXPECT_FALSE(none);
      EXPECT_EQ(none.count(), 0);
      SemaphoreGuard two(semaphore, std::try_to_lock, 2);
      EXPECT_TRUE(two);
      SemaphoreGuard moved = std::move(two);
      EXPECT_FALSE(two);
      EXPECT_EQ(semaphore.available(), 0);
      two = SemaphoreGuard();
      two = std::move(moved);
      EXPECT_EQ(semaphore.available(), 0);
      two = SemaphoreGuard();
      EXPECT_EQ(semaphore.available(), 2);
      SemaphoreGuard early(semaphore);
      early.release();
      early.release();
      EXPECT_EQ(semaphore.available(), 2);
      try {
        const SemaphoreGuard held(semaphore, 2);
        throw std::runtime_error("leaves the block");
      } catch (const std::runtime_error&) {
      }
      EXPECT_EQ(semaphore.available(), 2);
      semaphore.acquire(2);
      const SemaphoreGuard adopted(semaphore, std::adopt_lock, 2);
    }
    EXPECT_EQ(semaphore.available(), 5);
  });
}

TEST_P(PrimitivesTest, AGuardThatGaveUpWithItsContextHoldsNothing) {
  run([] {
    Semaphore semaphore(1);
    SemaphoreGuard first(semaphore);
    FakeContext context;
    WaitGroup group;
    group.go([&] {
      const SemaphoreGuard second(context, semaphore);
      EXPECT_FALSE(second);
    });
    group.go([&, open = FakeContext()] {
      const SemaphoreGuard third(open, semaphore);
      EXPECT_TRUE(third);
    });
    test::wait_until_blocked(2);
    context.done.close();
    test::wait_until_blocked(1);
    first.release();
    group.wait();
    EXPECT_EQ(semaphore.available(), 1);
  });
}

}  // namespace
}  // namespace taskscope
