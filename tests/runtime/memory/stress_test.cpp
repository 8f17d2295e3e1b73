// Tasks that pass objects to each other in every way there is, while these are marked beside them.
// Each object knows what it is; one that was freed too early is found out by who reads it, and by
// the collector itself, which marks once more (TASKSCOPE_GC=recheck).
#include <gtest/gtest.h>

#include <array>
#include <mutex>
#include <random>
#include <vector>

#include "runtime/memory/weak.h"
#include "tests/runtime/memory/memory_test.h"

namespace taskscope::test {
namespace {

constexpr std::uint64_t kMagic = 0x9e37'79b9'7f4a'7c15;

struct Node {
  std::uint64_t magic = 0;
  std::array<ptr<Node>, 3> to;
};
struct Shelf {
  std::uint64_t magic = 0;
  std::vector<ptr<Node>> nodes;
};

bool is_whole(ref<Node> node) {
  return node->magic == reinterpret_cast<std::uintptr_t>(node.get()) * kMagic;
}
ref<Node> new_node() {
  const ref<Node> node = make(Node{});
  node->magic = reinterpret_cast<std::uintptr_t>(node.get()) * kMagic;
  return node;
}

// What the tasks share. Each place is one task's at a time, which its lock says.
constexpr std::size_t kPlaces = 32;
constexpr int kBallast = 20'000;
struct Shared {
  std::array<Mutex, kPlaces> locks;
  std::array<ref<Node>, kPlaces> frame;    // in the frame of the main task
  std::array<ptr<Node>, kPlaces> handles;  // the same
  std::vector<ptr<Node>> outside{kPlaces};
  std::array<weak<Node>, kPlaces> weaks;
  std::vector<ptr<Node>> ballast;  // takes the collector some time
  ref<array<ptr<Node>>> row;
  ref<Shelf> shelf;
  Chan<ref<Node>> buffer = make_chan<ref<Node>>(64);
  Chan<ref<Node>> direct = make_chan<ref<Node>>();
  Chan<bool> over = make_chan<bool>();  // is closed then
  WaitGroup senders;
  std::atomic<std::uint64_t> broken{0};
};

// Apart, so that no copy is left in a frame.
[[gnu::noinline]] void move_branch(ref<Node> from, ref<Node> to, std::size_t branch) {
  to->to[0] = from->to[branch];
  from->to[branch] = nullptr;
}

// Moves objects about: what it takes out of one place is only in its own frame until it has put it
// into another.
class Mover {
 public:
  Mover(Shared& shared, std::uint64_t seed) : shared_(shared), random_(seed) {}

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      ref<Node> node = take();
      if (!node) node = new_node();
      look(node);
      if (random_() % 4 == 0) yield();
      for (std::uint64_t i = random_() % 3; i > 0; --i) node = grow(node);
      put(node);
    }
  }

 private:
  void look(ref<Node> node) {
    for (int i = 0; node && i < 6; ++i, node = node->to[random_() % 3]) {
      if (is_whole(node)) continue;
      shared_.broken.fetch_add(1);
      return;
    }
  }
  // A tree whose root is new, or one of the branches alone.
  ref<Node> grow(ref<Node> node) {
    const std::uint64_t branch = random_() % 3;
    switch (random_() % 6) {
      case 0: {
        const ref<Node> root = new_node();
        root->to[branch] = node;
        return root;
      }
      case 1: {
        const ref<Node> child = node->to[branch];
        node->to[branch] = nullptr;
        return child ? child : node;
      }
      case 2:
        return scoped([&] {
          const ref<Node> root = new_node();
          const ref<Node> aside = new_node();
          aside->to[0] = root;
          root->to[branch] = node->to[branch];
          node->to[branch] = new_node();
          return root;
        });
      case 3:
        node->to[branch] = nullptr;
        return node;
      case 4: {
        // For a while only an object of the scope refers to it.
        const ref<Node> kept = scoped([&] {
          const ref<Node> holder = new_node();
          move_branch(node, holder, branch);
          if (random_() % 2 == 0) yield();
          for (int i = 0; i < 100; ++i) new_node();
          return ref<Node>(holder->to[0]);
        });
        return kept ? kept : node;
      }
      default:
        for (int i = 0; i < 20; ++i) new_node();
        return node;
    }
  }
  template <class Handle>
  ref<Node> exchange(std::size_t at, Handle& handle, ref<Node> with) {
    const std::lock_guard guard(shared_.locks[at]);
    const ref<Node> old = handle;
    handle = with;
    return old;
  }
  ref<Node> swap_with(std::uint64_t way, ref<Node> with) {
    const std::size_t at = random_() % kPlaces;
    switch (way) {
      case 0:
        return exchange(at, shared_.frame[at], with);
      case 1:
        return exchange(at, shared_.handles[at], with);
      case 2:
        return exchange(at, shared_.outside[at], with);
      case 3:
        return exchange(at, (*shared_.row)[at], with);
      default:
        return exchange(at, shared_.shelf->nodes[at], with);
    }
  }
  ref<Node> take() {
    const std::uint64_t way = random_() % 8;
    if (way < 5) return swap_with(way, nullptr);
    if (way == 5) return shared_.buffer.try_recv().value_or(nullptr);
    if (way == 6) return shared_.direct.try_recv().value_or(nullptr);
    const std::size_t at = random_() % kPlaces;
    const std::lock_guard guard(shared_.locks[at]);
    return shared_.weaks[at].lock();
  }
  void put(ref<Node> node) {
    const std::uint64_t way = random_() % 9;
    if (way < 5) {
      look_at_old(swap_with(way, node));
    } else if (way == 5) {
      shared_.buffer.try_send(node);
    } else if (way == 6) {
      // Only a task that has not begun yet, or waits, has it.
      shared_.senders.add(1);
      go([node, &shared = shared_] {
        if (!is_whole(node)) shared.broken.fetch_add(1);
        select(send(shared.direct, node), recv(shared.over));
        shared.senders.done();
      });
    } else {
      const std::size_t at = random_() % kPlaces;
      const std::lock_guard guard(shared_.locks[at]);
      shared_.weaks[at] = node;
      if (way == 8) (*shared_.row)[at] = node;
    }
  }
  void look_at_old(ref<Node> old) {
    if (old) look(old);
  }

  Shared& shared_;
  std::mt19937_64 random_;
};

struct Outcome {
  std::uint64_t broken = 0;
  std::uint64_t missed = 0;
};

// So many tasks, while another collects all the time.
Outcome move_about(int tasks, int steps) {
  Shared shared;
  shared.row = make_array<ptr<Node>>(kPlaces);
  shared.shelf = make(Shelf{.nodes = std::vector<ptr<Node>>(kPlaces)});
  for (int i = 0; i < kBallast; ++i) {
    shared.ballast.push_back(new_node());
    shared.ballast.back()->to[0] = new_node();
  }
  const std::uint64_t missed = mem_stats().missed_objects;
  WaitGroup movers;
  for (int i = 0; i < tasks; ++i) {
    movers.add(1);
    go([&shared, &movers, i, steps] {
      Mover(shared, static_cast<std::uint64_t>(i) + 1).run(steps);
      movers.done();
    });
  }
  WaitGroup collector;
  collector.add(1);
  std::atomic<bool> over{false};
  go([&] {
    while (!over.load()) {
      gc();
      yield();
    }
    collector.done();
  });
  movers.wait();
  over.store(true);
  collector.wait();
  shared.over.close();
  shared.senders.wait();
  return {.broken = shared.broken.load(), .missed = mem_stats().missed_objects - missed};
}

class StressTest : public MemoryTest {
 protected:
  // What is reserved for that is no run's, either.
  void SetUp() override {
    MemoryTest::SetUp();
    memory::Settings settings = memory::settings();
    settings.poison = true;
    settings.recheck = true;
    memory::set_settings(settings);
    ts::run([] { gc(); });
  }
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(StressTest);

TEST_P(StressTest, NothingThatLivesIsFreedWhileTasksMoveItAbout) {
  run([] {
    const Outcome outcome = move_about(6, sized(60'000));
    EXPECT_EQ(outcome.broken, 0u);
    EXPECT_EQ(outcome.missed, 0u);
  });
}

}  // namespace
}  // namespace taskscope::test
