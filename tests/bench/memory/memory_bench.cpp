// What collected memory costs: `memory_bench CASE DEPTH` prints one number, `memory_bench` the
// cases. Nanoseconds of processor time for each operation, but for those that say otherwise.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "runtime/taskscope.h"
#include "tests/bench/memory/trees.h"

namespace taskscope::bench {
namespace {

constexpr int kOperations = 1 << 22;
constexpr int kInScope = 1024;

struct Tree {
  ptr<Tree> left;
  ptr<Tree> right;
};
struct Plain {
  long numbers[3];
};

ref<Tree> grow(int depth) {
  const ref<Tree> tree = make(Tree{});
  if (depth > 0) {
    tree->left = grow(depth - 1);
    tree->right = grow(depth - 1);
  }
  return tree;
}
long count(ref<Tree> tree) { return tree->left ? 1 + count(tree->left) + count(tree->right) : 1; }

struct OnHeap {
  ref<Tree> grow(int depth) { return bench::grow(depth); }
  long count(ref<Tree> tree) { return bench::count(tree); }
  void drop(ref<Tree>) {}
  template <class F>
  void with_trees(F f) {
    f();
  }
};
struct InScope : OnHeap {
  template <class F>
  void with_trees(F f) {
    scoped([&] { f(); });
  }
};

double wall_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

template <class F>
double each_ns(F operation) {
  const double begun = cpu_ns();
  for (int i = 0; i < kOperations; ++i) operation();
  return (cpu_ns() - begun) / kOperations;
}
template <class T>
void keep(ref<T> object) {
  asm volatile("" : : "r"(object.get()) : "memory");
}

double store() {
  const ref<Tree> from = make(Tree{});
  const ref<Tree> to = make(Tree{});
  return each_ns([&] {
    from->left = to;
    keep(from);
  });
}
double arena() {
  const double begun = cpu_ns();
  for (int i = 0; i < kOperations / kInScope; ++i) {
    scoped([] {
      for (int j = 0; j < kInScope; ++j) keep(make(Plain{}));
    });
  }
  return (cpu_ns() - begun) / kOperations;
}

// Marking a shuffled graph: each node refers to two anywhere. Megabytes a second.
double mark() {
  constexpr std::size_t kNodes = 4'000'000;
  const ref<array<ptr<Tree>>> nodes = make_array<ptr<Tree>>(kNodes);
  for (ptr<Tree>& node : *nodes) node = make(Tree{});
  std::uint64_t seed = 88172645463325252;
  const auto any_of = [&] {
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed % kNodes;
  };
  for (std::size_t i = 0; i < kNodes; ++i) {
    nodes->at(i)->left = nodes->at(any_of());
    nodes->at(i)->right = nodes->at(any_of());
  }
  const ref<Tree> root = nodes->at(0);
  keep(root);
  gc();
  const MemStats stats = mem_stats();
  return static_cast<double>(stats.live_bytes) / 1e6 / (static_cast<double>(stats.mark_ns) / 1e9);
}

// With 100,000 parked tasks, a tree of that depth (24: 1 GiB) and a task that allocates meanwhile.
template <class Measure>
double beside_live(int depth, Measure measure) {
  const Chan<int> stop = make_chan<int>();
  for (int i = 0; i < 100'000; ++i) go([stop] { stop.recv(); });
  const ref<Tree> live = grow(depth);
  const double result = measure();
  keep(live);
  stop.close();
  return result;
}

// The longest time for which tasks are held in ten collections, in microseconds.
double pause(int depth) {
  return beside_live(depth, [] {
    std::uint64_t longest = 0;
    for (int i = 0; i < 10; ++i) {
      gc();
      longest = std::max(longest, mem_stats().pause_ns);
    }
    return static_cast<double>(longest) / 1e3;
  });
}

// What a task that allocates all the time sees of ten collections that others ask for: of its
// operations the longest, or that than which one in a hundred that wait at all is longer. In
// microseconds.
double gaps(int depth, double part) {
  return beside_live(depth, [part] {
    constexpr double kNoticed = 5e3;  // ns
    std::atomic<bool> over{false};
    WaitGroup collected;
    collected.add(1);
    go([&] {
      for (int i = 0; i < 10; ++i) gc();
      over.store(true);
      collected.done();
    });
    std::vector<double> waits;
    waits.reserve(1 << 20);
    double last = wall_ns();
    while (!over.load(std::memory_order_relaxed) && waits.size() < waits.capacity()) {
      for (int i = 0; i < 10; ++i) keep(make(Plain{}));
      const double now = wall_ns();
      if (now - last > kNoticed) waits.push_back(now - last);
      last = now;
    }
    collected.wait();
    if (waits.empty()) return 0.0;
    std::sort(waits.begin(), waits.end());
    const auto at = static_cast<std::size_t>(part * static_cast<double>(waits.size() - 1));
    return waits[at] / 1e3;
  });
}

template <class Trees>
double trees(int depth) {
  Trees all;
  return trees_ns(all, depth);
}

std::map<std::string, std::function<double(int)>> cases() {
  return {{"heap", [](int) { return each_ns([] { keep(make(Plain{})); }); }},
          {"arena", [](int) { return arena(); }},
          {"scope", [](int) { return each_ns([] { scoped([] { asm volatile(""); }); }); }},
          {"store", [](int) { return store(); }},
          {"trees_heap", trees<OnHeap>},
          {"trees_scoped", trees<InScope>},
          {"mark", [](int) { return mark(); }},
          {"pause", pause},
          {"gap_max", [](int depth) { return gaps(depth, 1); }},
          {"gap_p99", [](int depth) { return gaps(depth, 0.99); }}};
}

}  // namespace
}  // namespace taskscope::bench

int main(int count, char** arguments) {
  const auto cases = taskscope::bench::cases();
  if (count < 2) {
    for (const auto& [name, measure] : cases) std::printf("%s\n", name.c_str());
    return 0;
  }
  const auto found = cases.find(arguments[1]);
  if (found == cases.end() || count != 3) {
    std::fprintf(stderr, "memory_bench CASE DEPTH, without either the cases\n");
    return 2;
  }
  const int depth = taskscope::bench::depth_of(arguments[2]);
  ts::run([&] { std::printf("%.3f\n", found->second(depth)); });
  return 0;
}
