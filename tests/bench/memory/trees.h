// binary-trees: as many short-lived trees of growing depth as fit, beside one that lives. The same
// work with every allocator; a node is two references.
#pragma once

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <system_error>

namespace taskscope::bench {

inline double cpu_ns() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e9 + static_cast<double>(time.tv_nsec);
}

// Ends the program if `text` is none.
inline int depth_of(const char* text) {
  int depth = 0;
  const char* const end = text + std::strlen(text);
  const auto parsed = std::from_chars(text, end, depth);
  if (parsed.ec == std::errc() && parsed.ptr == end && depth > 0) return depth;
  std::fprintf(stderr, "%s is not the depth of a tree\n", text);
  std::exit(2);
}

// `Trees` has a type Tree and the functions grow(depth), count(tree), drop(tree); with_trees(f)
// calls f(), where trees that it made may be gone afterwards. Processor time for each node.
template <class Trees>
double trees_ns(Trees& trees, int depth) {
  const double begun = cpu_ns();
  long nodes = 0;
  const auto once = [&](int of) {
    trees.with_trees([&] {
      auto tree = trees.grow(of);
      nodes += trees.count(tree);
      trees.drop(tree);
    });
  };
  once(depth + 1);
  auto kept = trees.grow(depth);
  for (int of = 4; of <= depth; of += 4) {
    const int times = 1 << (depth - of + 4);
    for (int i = 0; i < times; ++i) once(of);
  }
  nodes += trees.count(kept);
  trees.drop(kept);
  return (cpu_ns() - begun) / static_cast<double>(nodes);
}

}  // namespace taskscope::bench
