// Pool and Map.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/runtime/support/runtime_test.h"
#include "tests/runtime/sync/sync_support.h"

namespace taskscope {
namespace {

using test::sized;

class ContainersTest : public test::RuntimeTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ContainersTest);

// ---- Pool (Go's TestPool, TestPoolNew, TestPoolGC, TestPoolStress) ----

TEST_P(ContainersTest, APoolReturnsWhatWasPutBackOrMakesSomethingNew) {
  run([] {
    int made = 0;
    Pool<std::unique_ptr<int>> pool([&] { return std::make_unique<int>(++made); });
    auto first = pool.get();
    EXPECT_EQ(*first, 1);
    *first = 42;
    pool.put(std::move(first));
    EXPECT_EQ(*pool.get(), 42);
    EXPECT_EQ(*pool.get(), 2);
    EXPECT_EQ(pool.try_get(), std::nullopt);
  });
}

TEST_P(ContainersTest, WhatNobodyTakesForTwoGenerationsIsDestroyed) {
  run([] {
    Pool<std::unique_ptr<int>> pool([] { return std::make_unique<int>(0); });
    pool.put(std::make_unique<int>(7));
    pool.next_generation();  // a victim, but still there
    auto victim = pool.get();
    EXPECT_EQ(*victim, 7);
    pool.put(std::move(victim));
    pool.next_generation();
    pool.next_generation();
    EXPECT_EQ(*pool.get(), 0);
  });
}

struct Alive {
  explicit Alive(std::atomic<int>& counter) : count(counter) { ++count; }
  Alive(const Alive&) = delete;
  Alive& operator=(const Alive&) = delete;
  ~Alive() { --count; }
  std::atomic<int>& count;
};

// Wherever it was put back, and whoever puts something back later.
TEST_P(ContainersTest, WithTimeAPoolForgetsWhatEveryWorkerPutBack) {
  ManualClock clock;
  run(
      [&] {
        std::atomic<int> early{0};
        std::atomic<int> late{0};
        Pool<std::unique_ptr<Alive>> pool([&] { return std::make_unique<Alive>(late); });
        WaitGroup group;
        for (int i = 0; i < 64; ++i) {
          group.go([&] { pool.put(std::make_unique<Alive>(early)); });
        }
        group.wait();
        EXPECT_EQ(early, 64);
        for (int generation = 0; generation < 2; ++generation) {
          sleep(std::chrono::nanoseconds(pool.kGenerationNs));
          pool.put(std::make_unique<Alive>(late));
        }
        EXPECT_EQ(early, 0);
        EXPECT_EQ(late, 2) << "these are the newest";
      },
      &clock);
}

TEST_P(ContainersTest, NoTwoTasksGetTheSameObject) {
  run([] {
    Pool<std::unique_ptr<std::atomic<int>>> pool(
        [] { return std::make_unique<std::atomic<int>>(0); });
    WaitGroup group;
    for (int t = 0; t < 8; ++t) {
      group.go([&] {
        for (int i = 0; i < sized(4'000); ++i) {
          auto object = pool.get();
          EXPECT_EQ(object->fetch_add(1), 0);
          if (i % 16 == 0) yield();
          object->fetch_sub(1);
          pool.put(std::move(object));
        }
      });
    }
    group.wait();
  });
}

// ---- Map (Go's TestMapMatchesRWMutex, TestConcurrentRange, TestMapRangeNestedCall, …) ----

TEST_P(ContainersTest, AMapDoesWhatAReferenceDoes) {
  constexpr std::uint32_t kSeed = 4711;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  run([] {
    Map<int, int> map;
    std::map<int, int> reference;
    std::minstd_rand random(kSeed);
    for (int i = 0; i < sized(20'000); ++i) {
      const int key = static_cast<int>(random() % 50);
      const int value = static_cast<int>(random() % 5);
      const int other = static_cast<int>(random() % 5);
      const auto it = reference.find(key);
      const bool there = it != reference.end();
      const std::optional<int> old = there ? std::optional<int>(it->second) : std::nullopt;
      switch (random() % 8) {
        case 0:
          EXPECT_EQ(map.load(key), old);
          break;
        case 1:
          map.store(key, value);
          reference[key] = value;
          break;
        case 2: {
          const auto [got, loaded] = map.load_or_store(key, value);
          EXPECT_EQ(loaded, there);
          EXPECT_EQ(got, old.value_or(value));
          reference.try_emplace(key, value);
          break;
        }
        case 3:
          EXPECT_EQ(map.load_and_delete(key), old);
          reference.erase(key);
          break;
        case 4:
          EXPECT_EQ(map.swap(key, value), old);
          reference[key] = value;
          break;
        case 5:
          EXPECT_EQ(map.compare_and_swap(key, other, value), old == other);
          if (old == other) reference[key] = value;
          break;
        case 6:
          EXPECT_EQ(map.compare_and_delete(key, other), old == other);
          if (old == other) reference.erase(key);
          break;
        default: {
          const auto [got, loaded] = map.load_or_make(key, [&] { return value; });
          EXPECT_EQ(loaded, there);
          reference.try_emplace(key, value);
          break;
        }
      }
    }
    EXPECT_EQ(map.size(), reference.size());
    std::map<int, int> seen;
    map.range([&](int key, int value) { return seen.emplace(key, value).second; });
    EXPECT_EQ(seen, reference);
    map.clear();
    EXPECT_EQ(map.size(), 0u);
  });
}

TEST_P(ContainersTest, RangeSeesEveryLastingKeyOnceWhileOthersChangeTheMap) {
  run([] {
    Map<int, int> map;
    for (int i = 0; i < 500; ++i) map.store(i, i);
    std::atomic<bool> stop{false};
    WaitGroup group;
    for (int t = 0; t < 3; ++t) {
      group.go([&, t] {
        for (int i = 1; !stop; ++i) {
          const int key = i % 500;
          map.compare_and_swap(key, map.load(key).value_or(0), i * 500 + key);
          map.store(1'000 + t, i);
          map.erase(1'000 + t);
          if (i % 32 == 0) yield();
        }
      });
    }
    for (int round = 0; round < sized(40); ++round) {
      std::set<int> seen;
      map.range([&](int key, int value) {
        EXPECT_TRUE(key >= 1'000 || value % 500 == key);
        EXPECT_TRUE(seen.insert(key).second);
        return true;
      });
      for (int i = 0; i < 500; ++i) EXPECT_EQ(seen.count(i), 1u);
      yield();
    }
    stop = true;
    group.wait();
  });
}

TEST_P(ContainersTest, RangeMayUseTheMapAndEndEarly) {
  run([] {
    Map<std::string, int> map;
    for (const char* key : {"a", "b", "c"}) map.store(key, 1);
    int calls = 0;
    map.range([&](const std::string& key, int) {
      ++calls;
      map.range([&](const std::string& inner, int) {
        EXPECT_TRUE(map.load(inner).has_value() || inner != key);
        return true;
      });
      return map.erase(key);
    });
    EXPECT_EQ(calls, 3);
    EXPECT_EQ(map.size(), 0u);
    map.store("d", 1);
    map.store("e", 1);
    calls = 0;
    map.range([&](const std::string&, int) { return ++calls > 1; });
    EXPECT_EQ(calls, 1);
  });
}

TEST_P(ContainersTest, OneOfManyIsTheFirstToStore) {
  run([] {
    for (int round = 0; round < sized(1'000); ++round) {
      Map<int, int> map;
      std::atomic<int> stored{0};
      WaitGroup group;
      for (int t = 0; t < 4; ++t) {
        group.go([&, t] { stored += !map.load_or_store(1, t).loaded; });
      }
      group.wait();
      ASSERT_EQ(stored, 1);
    }
  });
}

}  // namespace
}  // namespace taskscope
