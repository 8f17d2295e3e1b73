// RWMutex against a small sequential reference: random programs of a few tasks under a seed, every
// operation recorded with the instants of its call and its return, and then a search for one order
// of all operations that the reference can do.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "runtime/sync/rwmutex.h"
#include "tests/runtime/support/runtime_test.h"
#include "tests/support/linear_search.h"

namespace taskscope {
namespace {

using test::sized;

class RWMutexModelTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(RWMutexModelTest);

enum class What : std::uint8_t { Lock, TryLock, Unlock, LockShared, TryLockShared, UnlockShared };

struct Operation {
  What what = What::Lock;
  bool done = true;  // tries: it was locked
  std::uint32_t called = 0;
  std::uint32_t returned = 0;
};

struct Model {
  int readers = 0;
  bool writer = false;

  // A try may fail because of those who are about to lock, too, but never when nobody else is
  // there.
  bool apply(const Operation& op, bool contended) {
    switch (op.what) {
      case What::Lock:
      case What::TryLock:
        if (!op.done) return contended || writer || readers > 0;
        if (writer || readers > 0) return false;
        return writer = true;
      case What::LockShared:
      case What::TryLockShared:
        if (!op.done) return contended || writer;
        if (writer) return false;
        return ++readers > 0;
      case What::Unlock:
        if (!writer) return false;
        writer = false;
        return true;
      case What::UnlockShared:
        return !writer && readers-- > 0;
    }
    return false;
  }
  bool apply_pair(const Operation&, const Operation&) const { return false; }
  std::string text() const { return std::to_string(readers) + (writer ? "w" : ""); }
};

bool linear(const std::vector<Operation>& operations) {
  return tests::LinearSearch<Operation, Model>(operations, Model()).found();
}

struct History {
  RWMutex mutex;
  std::atomic<std::uint32_t> clock{0};

  Operation perform(What what) {
    Operation op{.what = what};
    op.called = clock.fetch_add(1);
    switch (what) {
      case What::Lock:
        mutex.lock();
        break;
      case What::TryLock:
        op.done = mutex.try_lock();
        break;
      case What::Unlock:
        mutex.unlock();
        break;
      case What::LockShared:
        mutex.lock_shared();
        break;
      case What::TryLockShared:
        op.done = mutex.try_lock_shared();
        break;
      case What::UnlockShared:
        mutex.unlock_shared();
        break;
    }
    op.returned = clock.fetch_add(1);
    return op;
  }
};

void run_task(History& history, std::uint32_t seed, std::vector<Operation>& done) {
  constexpr What kLocks[] = {What::Lock, What::TryLock, What::LockShared, What::TryLockShared};
  std::minstd_rand random(seed);
  for (int i = 0; i < 5; ++i) {
    const std::uint32_t dice = random() / 8 % 4;
    done.push_back(history.perform(kLocks[dice]));
    if (random() / 8 % 2 == 0) yield();
    if (done.back().done)
      done.push_back(history.perform(dice < 2 ? What::Unlock : What::UnlockShared));
    if (random() / 8 % 3 == 0) yield();
  }
}

TEST_P(RWMutexModelTest, EveryHistoryIsLinearizable) {
  constexpr std::uint32_t kSeed = 2'126;
  constexpr std::uint32_t kTasks = 4;
  std::vector<std::vector<Operation>> rounds(static_cast<std::size_t>(sized(600)));
  run([&] {
    for (std::uint32_t round = 0; round < rounds.size(); ++round) {
      History history;
      std::vector<Operation> done[kTasks];
      WaitGroup group;
      for (std::uint32_t t = 0; t < kTasks; ++t) {
        group.go([&, round, t] { run_task(history, kSeed + 10 * round + t, done[t]); });
      }
      group.wait();
      for (const auto& each : done) {
        rounds[round].insert(rounds[round].end(), each.begin(), each.end());
      }
    }
  });
  for (std::size_t round = 0; round < rounds.size(); ++round) {
    SCOPED_TRACE("seed " + std::to_string(kSeed) + ", round " + std::to_string(round));
    ASSERT_TRUE(linear(rounds[round]));
  }
}

TEST(RWMutexModel, TheSearchFindsWhatIsNotLinearizable) {
  const Operation write{.what = What::Lock, .called = 0, .returned = 1};
  const Operation read{.what = What::LockShared, .called = 2, .returned = 3};
  const Operation unlock{.what = What::Unlock, .called = 4, .returned = 5};
  EXPECT_FALSE(linear({write, read, unlock}));
  Operation overlapping = unlock;
  overlapping.called = 2;
  EXPECT_TRUE(linear({write, read, overlapping}));
  const Operation failed{.what = What::TryLock, .done = false, .called = 6, .returned = 7};
  EXPECT_TRUE(linear({write, failed}));
  EXPECT_FALSE(linear({write, unlock, failed})) << "it was free, and nobody else was there";
}

}  // namespace
}  // namespace taskscope
