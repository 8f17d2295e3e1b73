// Random graphs of objects beside a model that is ordinary memory: whatever tasks do to them, and
// however often they are collected meanwhile, both stay equal.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/runtime/memory/memory_test.h"

namespace taskscope::test {
namespace {

constexpr std::size_t kEdges = 3;
constexpr std::uint64_t kMagic = 0x5afe'0b7e'c7ed'0000;

struct Leaf {
  std::uint64_t magic = kMagic;
  std::uint64_t id = 0;
};

// Of every way in which an object refers to others.
struct Node {
  std::uint64_t magic = kMagic;
  std::uint64_t id = 0;
  std::array<ptr<Node>, kEdges> edges;
  std::optional<ptr<Leaf>> maybe;
  ptr<Leaf> leaf;
};

// The same with a container, so that its destructor is due.
struct Holder {
  std::uint64_t magic = kMagic;
  std::vector<ptr<Node>> nodes;
};

// What a node should be.
struct Shadow {
  std::array<std::size_t, kEdges> edges{};  // indices, 0: none
  std::uint64_t leaf = 0;
};

// One task's graph: some roots on its stack, its own nodes, and the model of them.
class Graph {
 public:
  explicit Graph(std::uint64_t seed) : random_(seed) { shadows_.emplace_back(); }

  void run(int steps) {
    // Roots of all kinds: locals, a container, a collected holder.
    std::array<ref<Node>, 4> locals{};
    std::array<std::size_t, 4> local_ids{};
    std::vector<ptr<Node>> outside(4);
    std::array<std::size_t, 4> outside_ids{};
    const ref<Holder> holder = make(Holder{.nodes = std::vector<ptr<Node>>(4)});
    std::array<std::size_t, 4> held_ids{};
    for (int step = 0; step < steps && !failed_; ++step) {
      const std::size_t to = random_() % 4;
      const std::size_t from = random_() % 4;
      switch (random_() % 9) {
        case 0:
          locals[to] = add(local_ids[to]);
          break;
        case 1:
          outside[to] = add(outside_ids[to]);
          break;
        case 2:
          holder->nodes[to] = add(held_ids[to]);
          break;
        case 3:
          connect(locals[from], local_ids[from], outside[to], outside_ids[to]);
          break;
        case 4:
          connect(outside[from], outside_ids[from], holder->nodes[to], held_ids[to]);
          break;
        case 5:
          connect(holder->nodes[from], held_ids[from], locals[to], local_ids[to]);
          break;
        case 6:  // walks to a neighbour
          walk(locals[to], local_ids[to]);
          break;
        case 7: {  // a container that is filled, moved and dropped
          std::vector<ptr<Node>> copies(holder->nodes.begin(), holder->nodes.end());
          copies.insert(copies.end(), outside.begin(), outside.end());
          holder->nodes.assign(copies.begin(), copies.begin() + 4);
          break;
        }
        default:
          in_scope(locals[to], local_ids[to]);
          break;
      }
      if (step % 64 == 0) {
        for (std::size_t i = 0; i < 4; ++i) {
          check(locals[i], local_ids[i]);
          check(outside[i], outside_ids[i]);
          check(holder->nodes[i], held_ids[i]);
        }
      }
      if (step % 256 == 0) yield();
    }
  }
  bool failed() const { return failed_; }

 private:
  ref<Node> add(std::size_t& id) {
    id = shadows_.size();
    shadows_.push_back({.leaf = random_()});
    const std::uint64_t leaf = shadows_.back().leaf;
    const ref<Node> node = make(Node{.id = id, .leaf = make(Leaf{.id = leaf})});
    if (leaf % 2 == 0) node->maybe = node->leaf;
    return node;
  }
  void connect(ref<Node> from, std::size_t from_id, ref<Node> to, std::size_t to_id) {
    if (!from) return;
    const std::size_t edge = random_() % kEdges;
    from->edges[edge] = to;
    shadows_[from_id].edges[edge] = to ? to_id : 0;
  }
  void walk(ref<Node>& at, std::size_t& id) {
    if (!at) return;
    const std::size_t edge = random_() % kEdges;
    at = at->edges[edge];
    id = shadows_[id].edges[edge];
  }
  // A small graph in a scope, of which one node is returned, and one is stored.
  void in_scope(ref<Node>& local, std::size_t& local_id) {
    std::size_t id = 0;
    const ref<Node> old = local;
    const std::size_t old_id = local_id;
    local = scoped([&] {
      std::array<ref<Node>, 6> nodes;
      std::array<std::size_t, 6> ids{};
      for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = add(ids[i]);
      for (int i = 0; i < 10; ++i) {
        const std::size_t a = random_() % 6;
        const std::size_t b = random_() % 6;
        connect(nodes[a], ids[a], nodes[b], ids[b]);
      }
      connect(old, old_id, nodes[1], ids[1]);
      connect(nodes[2], ids[2], old, old_id);
      // What the stored one reaches is changed afterwards.
      connect(nodes[1], ids[1], nodes[3], ids[3]);
      connect(nodes[3], ids[3], nodes[4], ids[4]);
      id = ids[2];
      return nodes[2];
    });
    local_id = id;
  }
  // A walk from a root beside the model.
  void check(ref<Node> node, std::size_t id) {
    for (int i = 0; i < 20; ++i) {
      if (static_cast<bool>(node) != (id != 0)) return fail("a handle is where none should be");
      if (!node) return;
      const Shadow& shadow = shadows_[id];
      if (node->magic != kMagic || node->id != id) return fail("a node is another");
      if (!node->leaf || node->leaf->magic != kMagic || node->leaf->id != shadow.leaf) {
        return fail("a leaf is another");
      }
      if (node->maybe && (*node->maybe)->id != shadow.leaf) return fail("an optional is another");
      const std::size_t edge = random_() % kEdges;
      const ref<Node> next = node->edges[edge];
      id = shadow.edges[edge];
      node = next;
    }
  }
  void fail(const char* what) {
    failed_ = true;
    ADD_FAILURE() << what;
  }

  std::mt19937_64 random_;
  std::vector<Shadow> shadows_;
  bool failed_ = false;
};

class ModelTest : public MemoryTest {
 protected:
  // Tasks with graphs of their own, while others collect all the time.
  void run_graphs(int tasks, int steps) {
    run([&] {
      const Chan<bool> done = make_chan<bool>(static_cast<std::size_t>(tasks));
      for (int i = 0; i < tasks; ++i) {
        go([=] {
          Graph graph(static_cast<std::uint64_t>(i) + 1);
          graph.run(steps);
          done.send(!graph.failed());
        });
      }
      int left = tasks;
      while (left > 0) {
        gc();
        while (left > 0 && done.try_recv()) --left;
        yield();
      }
    });
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(ModelTest);

TEST_P(ModelTest, GraphsStayWhatTheirModelIsWhileOthersCollect) { run_graphs(6, sized(12'000)); }

TEST_P(ModelTest, AndWithPoisonInWhatIsFree) {
  memory::Settings settings = memory::settings();
  settings.poison = true;
  memory::set_settings(settings);
  run_graphs(4, sized(6'000));
}

TEST_P(ModelTest, VerifyFindsNoHiddenHandlesInThem) {
  // In a process of its own: where closures of other tests were, old handles lie in free memory.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto look = [&] {
    memory::Settings settings = memory::settings();
    settings.verify = true;
    memory::set_settings(settings);
    run([] {
      Graph graph(7);
      for (int i = 0; i < 5; ++i) {
        graph.run(sized(1'000));
        gc();
      }
    });
    std::_Exit(mem_stats().hidden_handles == 0 && !HasFailure() ? 0 : 1);
  };
  EXPECT_EXIT(look(), testing::ExitedWithCode(0), "");
}

struct Hidden {
  std::uint64_t value = 0;
};

TEST_P(ModelTest, VerifyNamesAHandleInMemoryOfMallocsAndKeepsItsObject) {
  if (TASKSCOPE_ASAN || TASKSCOPE_TSAN) GTEST_SKIP() << "there it does not look";
  memory::Settings settings = memory::settings();
  settings.verify = true;
  memory::set_settings(settings);
  testing::internal::CaptureStderr();
  bool found = false;
  run([&] {
    const auto box = std::make_unique<ref<Hidden>>();
    in_another_task([&] { *box = make(Hidden{.value = 77}); });
    const std::uint64_t before = mem_stats().hidden_handles;
    gc();
    found = mem_stats().hidden_handles > before;
    for (int i = 0; i < 10'000; ++i) make(Hidden{.value = 1});
    EXPECT_EQ((*box)->value, 77u);
  });
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(found);
  EXPECT_NE(said.find("model_test.cpp"), std::string::npos) << said;
}

TEST_P(ModelTest, ACollectorIsNoReasonToBelieveThatATaskMayBeWoken) {
  const auto sleep_for_ever = [this] {
    ts::run(
        [] {
          ts::gc();
          ts::make_chan<int>().recv();
        },
        {.workers = workers()});
  };
  // The child of a fork has no collected memory.
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(sleep_for_ever(), testing::ExitedWithCode(2), "all tasks are asleep");
}

TEST(Array, OfANegativeSizeIsRefused) {
  const auto make = [] {
    volatile int size = -1;
    ts::run([&] { ts::make_array<int>(static_cast<std::size_t>(size)); });
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(make(), "size <= memory::kArrayBytesMax");
}

TEST(Settings, ThatMeanNothingEndTheProgramWithASentence) {
  const auto run_with = [](const char* name, const char* value) {
    setenv(name, value, 1);
    ts::run([] { ts::make<int>(); });
  };
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(run_with("TASKSCOPE_GOGC", "50x"), testing::ExitedWithCode(2),
              "TASKSCOPE_GOGC takes per cent from 1 to 100,000, or off, not \"50x\"");
  EXPECT_EXIT(run_with("TASKSCOPE_GC", "verfy"), testing::ExitedWithCode(2),
              "TASKSCOPE_GC takes verify, poison or recheck, joined by commas, not \"verfy\"");
}

}  // namespace
}  // namespace taskscope::test
