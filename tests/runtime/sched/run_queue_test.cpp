#include "runtime/sched/run_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <random>
#include <thread>
#include <vector>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope::sched {
namespace {

using test::sized;

struct Item {
  std::atomic<int> taken{0};
};
using Queue = RunQueue<Item>;

TEST(RunQueue, IsFirstInFirstOut) {
  Queue queue;
  std::vector<Item> items(10);
  for (Item& item : items) EXPECT_TRUE(queue.push(&item));
  EXPECT_EQ(queue.size(), 10u);
  for (Item& item : items) EXPECT_EQ(queue.pop(), &item);
  EXPECT_EQ(queue.pop(), nullptr);
}

TEST(RunQueue, PeekSaysWhatIsPoppedAfterOthers) {
  Queue queue;
  EXPECT_EQ(queue.peek(0), nullptr);
  std::vector<Item> items(10);
  for (Item& item : items) EXPECT_TRUE(queue.push(&item));
  EXPECT_EQ(queue.peek(3), &items[3]);
  EXPECT_EQ(queue.pop(), &items[0]);
  EXPECT_EQ(queue.peek(3), &items[4]);
  EXPECT_EQ(queue.peek(0), &items[1]);
}

TEST(RunQueue, RefusesWhenFullAndGivesUpItsOlderHalf) {
  Queue queue;
  std::vector<Item> items(Queue::kCapacity);
  for (Item& item : items) EXPECT_TRUE(queue.push(&item));
  Item extra;
  EXPECT_FALSE(queue.push(&extra));
  std::vector<Item*> spilled;
  queue.spill(&extra, [&](Item* const* tasks, std::uint32_t count) {
    spilled.assign(tasks, tasks + count);
  });
  ASSERT_EQ(spilled.size(), Queue::kCapacity / 2 + 1);
  EXPECT_EQ(spilled.front(), &items[0]);
  EXPECT_EQ(spilled.back(), &extra);
  EXPECT_EQ(queue.pop(), &items[Queue::kCapacity / 2]);
}

TEST(RunQueue, TheNextSlotHoldsOneAndGivesThePreviousBack) {
  Queue queue;
  Item a, b;
  EXPECT_EQ(queue.exchange_next(&a), nullptr);
  EXPECT_FALSE(queue.looks_empty());
  EXPECT_EQ(queue.exchange_next(&b), &a);
  EXPECT_FALSE(queue.steal_next(&a)) << "it is no longer there";
  EXPECT_EQ(queue.take_next(), &b);
  EXPECT_EQ(queue.take_next(), nullptr);
  EXPECT_TRUE(queue.looks_empty());
}

TEST(RunQueue, AgreesWithAModelUnderSeededSchedules) {
  for (std::uint32_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    Queue queue;
    std::deque<Item*> model;
    std::vector<Item> items(5000);
    std::size_t next = 0;
    while (next < items.size()) {
      switch (random() % 4) {
        case 0:
        case 1:
          for (std::uint32_t i = random() % 40; i > 0 && next < items.size(); --i) {
            const bool pushed = queue.push(&items[next]);
            ASSERT_EQ(pushed, model.size() < Queue::kCapacity);
            if (!pushed) break;
            model.push_back(&items[next++]);
          }
          break;
        case 2:
          for (std::uint32_t i = random() % 40; i > 0; --i) {
            Item* const expected = model.empty() ? nullptr : model.front();
            ASSERT_EQ(queue.pop(), expected);
            if (expected != nullptr) model.pop_front();
          }
          break;
        default: {
          Item* batch[Queue::kCapacity / 2];
          const std::uint32_t count = queue.grab(batch);
          ASSERT_EQ(count, model.size() - model.size() / 2);
          for (std::uint32_t i = 0; i < count; ++i) {
            ASSERT_EQ(batch[i], model.front());
            model.pop_front();
          }
        }
      }
      ASSERT_EQ(queue.size(), model.size());
    }
  }
}

// One owner and three thieves: every item must come out exactly once.
void stress(std::uint32_t seed, int count) {
  Queue queue;
  std::vector<Item> items(static_cast<std::size_t>(count));
  std::atomic<int> left{count};
  const auto take = [&left](Item* item) {
    item->taken.fetch_add(1, std::memory_order_relaxed);
    left.fetch_sub(1, std::memory_order_relaxed);
  };
  std::vector<std::thread> thieves;
  for (std::uint32_t t = 0; t < 3; ++t) {
    thieves.emplace_back([&, t] {
      std::mt19937 random(seed * 31 + t);
      while (left.load(std::memory_order_relaxed) > 0) {
        Item* batch[Queue::kCapacity / 2];
        const std::uint32_t taken = queue.grab(batch);
        for (std::uint32_t i = 0; i < taken; ++i) take(batch[i]);
        if (random() % 4 == 0) {
          Item* next = queue.peek_next();
          if (next != nullptr && queue.steal_next(next)) take(next);
        }
        if (taken == 0) std::this_thread::yield();
      }
    });
  }
  std::mt19937 random(seed);
  for (std::size_t i = 0; i < items.size();) {
    for (std::uint32_t burst = random() % 64; burst > 0 && i < items.size(); --burst) {
      Item* out = &items[i++];
      if (random() % 2 == 0) out = queue.exchange_next(out);
      if (out == nullptr || queue.push(out)) continue;
      queue.spill(out, [&](Item* const* tasks, std::uint32_t moved) {
        for (std::uint32_t k = 0; k < moved; ++k) take(tasks[k]);
      });
    }
    for (std::uint32_t pops = random() % 48; pops > 0; --pops) {
      if (Item* item = random() % 3 == 0 ? queue.take_next() : queue.pop()) take(item);
    }
  }
  while (left.load(std::memory_order_relaxed) > 0) {
    if (Item* item = queue.take_next()) take(item);
    if (Item* item = queue.pop()) take(item);
  }
  for (std::thread& thief : thieves) thief.join();
  for (const Item& item : items) ASSERT_EQ(item.taken, 1);
}

TEST(RunQueue, LosesAndDoublesNothingAmongThieves) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    stress(seed, sized(40'000));
  }
}

}  // namespace
}  // namespace taskscope::sched
