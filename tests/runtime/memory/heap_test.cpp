// Objects that tasks make: they live as long as something reaches them, and no longer.
#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "runtime/memory/collector.h"
#include "runtime/memory/make.h"
#include "tests/runtime/memory/memory_test.h"

namespace taskscope::test {
namespace {

struct Node {
  std::uint64_t value = 0;
  ptr<Node> next;
};

class HeapTest : public MemoryTest {};
TASKSCOPE_AT_ALL_WORKER_COUNTS(HeapTest);

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

TEST_P(HeapTest, AListOnTheStackSurvivesCollections) {
  run([] {
    const ref<Node> list = list_of(10'000);
    for (int i = 0; i < 5; ++i) {
      list_of(50'000);
      gc();
    }
    EXPECT_EQ(sum(list), 49'995'000u);
  });
}

TEST_P(HeapTest, WhatNobodyReachesIsGivenBack) {
  run([] {
    gc();
    const std::uint64_t before = mem_stats().live_objects;
    in_another_task([&] {
      const ref<Node> list = list_of(100'000);
      gc();
      EXPECT_GE(mem_stats().live_objects, before + 100'000);
      EXPECT_EQ(list->value, 99'999u);
    });
    gc();
    // An old word on a stack keeps what it refers to until something else lies there.
    for (int more = 10; more > 0 && mem_stats().live_objects >= before + 1000; --more) {
      in_another_task([] { EXPECT_EQ(sum(list_of(10)), 45u); });
      gc();
    }
    EXPECT_LT(mem_stats().live_objects, before + 1000);
  });
}

TEST_P(HeapTest, ParkedTasksKeepWhatTheirStacksReferTo) {
  run([] {
    constexpr int kTasks = 200;
    Chan<int> stop = make_chan<int>();
    Chan<std::uint64_t> sums = make_chan<std::uint64_t>();
    for (int i = 0; i < kTasks; ++i) {
      go([=] {
        const ref<Node> list = list_of(100 + static_cast<std::uint64_t>(i));
        stop.recv();
        sums.send(sum(list));
      });
    }
    wait_until_blocked(kTasks);
    for (int i = 0; i < 3; ++i) {
      list_of(50'000);
      gc();
    }
    stop.close();
    std::uint64_t total = 0;
    std::uint64_t expected = 0;
    for (std::uint64_t i = 0; i < kTasks; ++i) {
      total += *sums.recv();
      expected += (100 + i) * (99 + i) / 2;
    }
    EXPECT_EQ(total, expected);
  });
}

TEST_P(HeapTest, RunningTasksKeepWhatTheirRegistersReferTo) {
  run([] {
    constexpr int kTasks = 8;
    Chan<bool> done = make_chan<bool>(kTasks);
    for (int i = 0; i < kTasks; ++i) {
      go([=] {
        bool good = true;
        for (int round = 0; round < sized(200); ++round) {
          const ref<Node> list = list_of(500);
          list_of(2000);
          good = good && sum(list) == 124'750;
        }
        done.send(good);
      });
    }
    for (int i = 0; i < kTasks; ++i) {
      gc();
      EXPECT_TRUE(*done.recv());
    }
  });
}

TEST_P(HeapTest, ClosuresOfTasksThatHaveNotBegunKeepWhatTheyHold) {
  run([] {
    Chan<std::uint64_t> sums = make_chan<std::uint64_t>(64);
    struct Large {
      std::uint64_t filler[20] = {};
    };
    for (int i = 0; i < 32; ++i) {
      go([list = list_of(100), sums] { sums.send(sum(list)); });
      go([list = list_of(100), large = Large{}, sums] { sums.send(sum(list) + large.filler[3]); });
    }
    gc();
    list_of(10'000);
    gc();
    for (int i = 0; i < 64; ++i) EXPECT_EQ(*sums.recv(), 4950u);
  });
}

TEST_P(HeapTest, BuffersOfChannelsKeepWhatTheyHold) {
  run([] {
    const Chan<ref<Node>> lists = make_chan<ref<Node>>(16);
    in_another_task([&] {
      for (int i = 0; i < 16; ++i) lists.send(list_of(100));
    });
    gc();
    list_of(50'000);
    gc();
    list_of(50'000);
    for (int i = 0; i < 16; ++i) EXPECT_EQ(sum(*lists.recv()), 4950u);
  });
}

ptr<Node> g_list;

TEST_P(HeapTest, AGlobalKeepsWhatItRefersTo) {
  run([] {
    in_another_task([] { g_list = list_of(1000); });
    for (int i = 0; i < 3; ++i) {
      list_of(50'000);
      gc();
    }
    EXPECT_EQ(sum(g_list), 499'500u);
    g_list = nullptr;
  });
}

TEST_P(HeapTest, HandlesInContainersKeepWhatTheyReferTo) {
  run([] {
    std::vector<ptr<Node>> lists;
    in_another_task([&] {
      for (int i = 0; i < 100; ++i) lists.push_back(list_of(100));
    });
    std::vector<ptr<Node>> moved = std::move(lists);
    moved.erase(moved.begin() + 10, moved.begin() + 20);
    list_of(50'000);
    gc();
    ASSERT_EQ(moved.size(), 90u);
    for (const ptr<Node>& list : moved) EXPECT_EQ(sum(list), 4950u);
  });
  EXPECT_EQ(mem_stats().roots, 0u);
}

// Counts what is left of its kind.
class Counted {
 public:
  explicit Counted(int& left) : left_(&left) { ++*left_; }
  Counted(Counted&& other) noexcept : left_(other.left_) { other.left_ = nullptr; }
  Counted& operator=(Counted&&) = delete;
  ~Counted() {
    if (left_ != nullptr) --*left_;
  }

 private:
  int* left_;
};

struct Tree {
  int value = 0;
  std::vector<ptr<Tree>> kids;
  Counted counted;
};

ref<Tree> tree_of(int depth, int& left) {
  ref<Tree> tree = make(Tree{.value = depth, .kids = {}, .counted = Counted(left)});
  for (int i = 0; depth > 0 && i < 3; ++i) tree->kids.push_back(tree_of(depth - 1, left));
  return tree;
}
int size_of(ref<Tree> tree) {
  int size = 1;
  for (const ptr<Tree>& kid : tree->kids) size += size_of(kid);
  return size;
}

TEST_P(HeapTest, CirclesThroughContainersAreCollectedAndTheirDestructorsRun) {
  run([] {
    int left = 0;
    in_another_task([&] {
      const ref<Tree> tree = tree_of(6, left);
      tree->kids.push_back(tree);  // it keeps itself alive, if anything does
      gc();
      EXPECT_EQ(left, 1093);
      EXPECT_EQ(tree->kids.size(), 4u);
      tree->kids.pop_back();
      EXPECT_EQ(size_of(tree), 1093);
      tree->kids.push_back(tree);
    });
    const std::uint64_t exact = mem_stats().exact_collections;
    gc();
    EXPECT_GT(mem_stats().exact_collections, exact);
    EXPECT_EQ(left, 0);
  });
}

struct Big {
  ptr<Node> first;
  char bytes[100'000] = {};
  ptr<Node> last;
};

TEST_P(HeapTest, LargeObjectsAreTracedAndGivenBack) {
  run([] {
    ref<Big> big = make<Big>();
    big->first = list_of(10);
    big->last = list_of(100);
    for (int i = 0; i < 100; ++i) make<Big>();
    gc();
    EXPECT_EQ(sum(big->first), 45u);
    EXPECT_EQ(sum(big->last), 4950u);
    EXPECT_LT(mem_stats().live_bytes, 20u << 20);
  });
}

TEST_P(HeapTest, InteriorPointersKeepTheWholeObject) {
  run([] {
    struct Pair {
      std::uint64_t a[20];
      std::uint64_t b = 7;
    };
    std::uint64_t* const inside = &make<Pair>()->b;
    for (int i = 0; i < 3; ++i) {
      for (int j = 0; j < 20'000; ++j) make<Pair>()->b = 9;
      gc();
    }
    EXPECT_EQ(*inside, 7u);
  });
}

TEST_P(HeapTest, MemoryStaysBoundedWhileGarbageIsMade) {
  run([] {
    for (int i = 0; i < sized(400); ++i) list_of(10'000);
    EXPECT_LT(mem_stats().heap_bytes, 64u << 20);
    EXPECT_GT(mem_stats().collections, 2u);
  });
}

struct Owner {
  Chan<int> channel;
};

TEST(HeapAndLeaks, LeaksAreProvedBesideIt) {
  if (TASKSCOPE_ASAN || TASKSCOPE_TSAN) GTEST_SKIP() << "there nothing is proved of channels";
  ts::run([] {
    const ref<Owner> owner = make(Owner{.channel = make_chan<int>()});
    go([from = Receiver<int>(owner->channel)] { from.recv(); });
    wait_until_blocked(1);
    // A collected object has its other end.
    EXPECT_TRUE(find_leaks().empty());
    go([lonely = make_chan<int>()] { lonely.recv(); });
    wait_until_blocked(2);
    EXPECT_EQ(find_leaks().size(), 1u);
    owner->channel.send(1);
  });
}

}  // namespace
}  // namespace taskscope::test
