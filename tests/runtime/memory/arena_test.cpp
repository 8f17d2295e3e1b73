// Scopes: what is made in them goes with them, but what escapes stays, with the reason counted.
#include <gtest/gtest.h>

#include <array>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/runtime/memory/memory_test.h"

namespace taskscope::test {
namespace {

struct Node {
  std::uint64_t value = 0;
  ptr<Node> next;
};

class ArenaTest : public MemoryTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ArenaTest);

// Of the site in this file whose line that is.
EscapeStats stats_of(std::uint32_t line) {
  for (const EscapeStats& stats : escape_stats()) {
    const std::string file = stats.file;
    if (stats.line == line && file.find("arena_test.cpp") != std::string::npos) return stats;
  }
  return {};
}
std::uint64_t count_of(const EscapeStats& stats, EscapeReason reason) {
  return stats.reasons[static_cast<std::size_t>(reason)];
}
// For this reason, or because the site has learned of it in another test.
std::uint64_t escaped_as(const EscapeStats& stats, EscapeReason reason) {
  return count_of(stats, reason) + count_of(stats, EscapeReason::Learned);
}

// Frees and uses again what it can.
void churn() {
  for (int i = 0; i < 50; ++i) {
    scoped([] {
      ref<Node> list;
      for (std::uint64_t j = 0; j < 3000; ++j) list = make(Node{.value = ~j, .next = list});
    });
  }
  gc();
}

ref<Node> list_of(std::uint64_t length) {
  ref<Node> list;
  for (std::uint64_t i = 0; i < length; ++i) list = make(Node{.value = i, .next = list});
  return list;
}
std::uint64_t sum(ref<Node> list) {
  std::uint64_t total = 0;
  for (; list; list = list->next) total += list->value;
  return total;
}

TEST_P(ArenaTest, AScopeGivesBackWhatItMade) {
  run([] {
    const std::uint64_t before = mem_stats().heap_bytes;
    std::uint64_t total = 0;
    for (int i = 0; i < 100; ++i) total += scoped([] { return sum(list_of(10'000)); });
    EXPECT_EQ(total, 4'999'500'000u);
    EXPECT_LT(mem_stats().heap_bytes, before + (8u << 20));
  });
}

constexpr std::uint32_t kReturnedLine = __LINE__ + 2;
ref<Node> returned() {
  return scoped([] { return make(Node{.value = 7, .next = list_of(100)}); });
}

TEST_P(ArenaTest, AReturnedObjectLivesOnWithAllItReaches) {
  run([] {
    const std::uint64_t before = escaped_as(stats_of(kReturnedLine), EscapeReason::Returned);
    const ref<Node> kept = returned();
    churn();
    EXPECT_EQ(kept->value, 7u);
    EXPECT_EQ(sum(kept), 7u + 4950u);
    EXPECT_EQ(escaped_as(stats_of(kReturnedLine), EscapeReason::Returned), before + 1);
  });
}

constexpr std::uint32_t kSentLine = __LINE__ + 4;
void send_from_scope(const Chan<ref<Node>>& to) {
  scoped([&] {
    for (std::uint64_t i = 0; i < 10; ++i) {
      to.send(make(Node{.value = i, .next = list_of(10)}));
      make(Node{});
    }
  });
}

TEST_P(ArenaTest, WhatIsSentToAChannelLivesOn) {
  run([] {
    const std::uint64_t before = escaped_as(stats_of(kSentLine), EscapeReason::Sent);
    const Chan<ref<Node>> channel = make_chan<ref<Node>>(10);
    send_from_scope(channel);
    churn();
    for (std::uint64_t i = 0; i < 10; ++i) EXPECT_EQ(sum(*channel.recv()), i + 45);
    EXPECT_EQ(escaped_as(stats_of(kSentLine), EscapeReason::Sent), before + 10);
  });
}

struct Message {
  int id = 0;
  ref<Node> body;
};

TEST_P(ArenaTest, WhatASentStructHoldsLivesOnInTheBuffer) {
  run([] {
    const Chan<Message> channel = make_chan<Message>(4);
    scoped([&] {
      channel.send({.id = 1, .body = list_of(50)});
      select(send(channel, Message{.id = 2, .body = list_of(60)}));
      EXPECT_TRUE(channel.try_send({.id = 3, .body = list_of(70)}));
    });
    churn();
    EXPECT_EQ(sum(channel.recv()->body), 1225u);
    EXPECT_EQ(sum(channel.recv()->body), 1770u);
    EXPECT_EQ(sum(channel.recv()->body), 2415u);
  });
}

TEST_P(ArenaTest, WhatAClosureCapturesLivesOn) {
  run([] {
    const Chan<std::uint64_t> sums = make_chan<std::uint64_t>(4);
    struct Large {
      std::uint64_t filler[30] = {};
    };
    scoped([&] {
      go([list = list_of(100), sums] { sums.send(sum(list)); });
      go([list = list_of(100), sums, large = Large{}] { sums.send(sum(list) + large.filler[1]); });
    });
    churn();
    for (int i = 0; i < 2; ++i) EXPECT_EQ(*sums.recv(), 4950u);
  });
}

TEST_P(ArenaTest, WhatATaskFindsThroughItsSpawnersFrameLivesOn) {
  run([] {
    const Chan<bool> may_look = make_chan<bool>();
    const Chan<bool> has_looked = make_chan<bool>();
    const Chan<bool> may_end = make_chan<bool>();
    const Chan<std::uint64_t> sums = make_chan<std::uint64_t>(1);
    scoped([&] {
      ref<Node> list;
      go([&list, may_look, has_looked, may_end, sums] {
        may_look.recv();
        const ref<Node> mine = list;
        has_looked.send(true);
        may_end.recv();
        sums.send(sum(mine));
      });
      list = list_of(100);  // after the closure was looked at
      may_look.send(true);
      has_looked.recv();
    });
    churn();
    may_end.send(true);
    EXPECT_EQ(*sums.recv(), 4950u);
  });
}

constexpr std::uint32_t kBoxedLine = __LINE__ + 2;
any boxed() {
  return scoped([] { return any(make(Node{.value = 9, .next = list_of(10)})); });
}

TEST_P(ArenaTest, WhatIsAssignedToAnInterfaceLivesOn) {
  run([] {
    const std::uint64_t before = escaped_as(stats_of(kBoxedLine), EscapeReason::Boxed);
    const any box = boxed();
    churn();
    ASSERT_TRUE(box.as<Node>());
    EXPECT_EQ(sum(box.as<Node>()), 54u);
    EXPECT_FALSE(box.as<int>());
    EXPECT_EQ(escaped_as(stats_of(kBoxedLine), EscapeReason::Boxed), before + 1);
  });
}

ptr<Node> g_list;

TEST_P(ArenaTest, WhatIsStoredInTheHeapOrInAGlobalLivesOn) {
  run([] {
    const ref<Node> old = make(Node{.value = 1});
    std::vector<ptr<Node>> lists;
    scoped([&] {
      old->next = list_of(100);
      g_list = list_of(200);
      for (int i = 0; i < 10; ++i) lists.push_back(list_of(10));
      // Into an object that has escaped already.
      const ref<Node> late = make(Node{.value = 5});
      g_list->next->next = late;
      late->next = list_of(30);
    });
    churn();
    EXPECT_EQ(sum(old), 4951u);
    EXPECT_EQ(sum(g_list), 199u + 198u + 5u + 435u);
    for (const ptr<Node>& list : lists) EXPECT_EQ(sum(list), 45u);
    g_list = nullptr;
  });
}

TEST_P(ArenaTest, WhatAnOlderFrameRefersToLivesOn) {
  run([] {
    ref<Node> outer;
    scoped([&] { outer = list_of(100); });
    ptr<Node> stored;
    scoped([&] { stored = list_of(50); });
    churn();
    EXPECT_EQ(sum(outer), 4950u);
    EXPECT_EQ(sum(stored), 1225u);
  });
}

TEST_P(ArenaTest, ScopesNest) {
  run([] {
    const std::uint64_t total = scoped([] {
      const ref<Node> mine = list_of(100);
      const ref<Node> inner = scoped([&] {
        const ref<Node> holder = make(Node{.value = 1, .next = mine});  // the holder goes first
        EXPECT_EQ(sum(holder), 4951u);
        mine->next->next = make(Node{.value = 1000});  // outlives its scope
        return list_of(10);
      });
      churn();
      return sum(mine) + sum(inner);
    });
    EXPECT_EQ(total, 99u + 98u + 1000u + 45u);
  });
}

TEST_P(ArenaTest, AnExceptionLetsEverythingLive) {
  run([] {
    ref<Node> kept;
    try {
      scoped([&] {
        kept = list_of(100);
        throw std::runtime_error("no");
      });
    } catch (const std::runtime_error&) {
    }
    churn();
    EXPECT_EQ(sum(kept), 4950u);
    // The task is in no scope any more.
    EXPECT_EQ(scoped([] { return sum(list_of(10)); }), 45u);
  });
}

struct Owner {
  std::vector<int> numbers;
};

TEST_P(ArenaTest, LargeObjectsAndThoseWithDestructorsAreMadeOnTheHeap) {
  constexpr std::uint32_t kLine = __LINE__ + 3;
  run([] {
    scoped([] {
      make<std::array<char, 100'000>>();
      make(Owner{.numbers = {1, 2}});
    });
    EXPECT_GE(count_of(stats_of(kLine), EscapeReason::TooLarge), 1u);
    EXPECT_GE(count_of(stats_of(kLine + 1), EscapeReason::NeedsDestructor), 1u);
  });
}

TEST_P(ArenaTest, ASiteWhoseObjectsEscapeLearns) {
  constexpr std::uint32_t kLine = __LINE__ + 5;
  run([] {
    for (int i = 0; i < 3000; ++i) {
      const ref<Node> kept = scoped([&] {
        for (int j = 0; j < 5; ++j) make(Node{});
        return make(Node{.value = 3});
      });
      ASSERT_EQ(kept->value, 3u);
    }
    const EscapeStats stats = stats_of(kLine);
    EXPECT_GT(count_of(stats, EscapeReason::Learned), 100u);
    EXPECT_EQ(stats.escaped, stats.reasons[1] + count_of(stats, EscapeReason::Learned));
    EXPECT_EQ(stats_of(kLine - 1).escaped, 0u);
  });
}

TEST_P(ArenaTest, ALongScopeIsCollectedToo) {
  run([] {
    scoped([] {
      const ref<Node> kept = list_of(100);
      for (int i = 0; i < sized(200); ++i) list_of(20'000);
      EXPECT_LT(mem_stats().heap_bytes, 100u << 20);
      EXPECT_EQ(sum(kept), 4950u);
    });
  });
}

TEST_P(ArenaTest, TasksOpenScopesWhileOthersCollect) {
  run([] {
    const Chan<bool> done = make_chan<bool>(8);
    for (int i = 0; i < 8; ++i) {
      go([done] {
        bool good = true;
        for (int round = 0; round < sized(100); ++round) {
          const ref<Node> kept = scoped([&] {
            const ref<Node> list = list_of(500);
            yield();
            good = good && sum(list) == 124'750;
            return make(Node{.value = 1, .next = list});
          });
          if (round % 10 == 0) gc();
          good = good && sum(kept) == 124'751;
        }
        done.send(good);
      });
    }
    for (int i = 0; i < 8; ++i) EXPECT_TRUE(*done.recv());
  });
}

TEST_P(ArenaTest, ArraysAndWeakHandles) {
  run([] {
    const ref<array<ptr<Node>>> lists = scoped([] {
      const ref<array<ptr<Node>>> made = make_array<ptr<Node>>(100);
      for (ptr<Node>& list : *made) list = list_of(10);
      return made;
    });
    weak<Node> first = ref<Node>(lists->at(0));
    weak<Node> gone;
    in_another_task([&] { gone = ref<Node>(list_of(3)); });
    churn();
    for (const ptr<Node>& list : *lists) EXPECT_EQ(sum(list), 45u);
    EXPECT_EQ(first.lock(), ref<Node>(lists->at(0)));
    EXPECT_FALSE(gone.lock());
  });
}

}  // namespace
}  // namespace taskscope::test
