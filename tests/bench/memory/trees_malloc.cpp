// binary-trees with malloc and free, whichever allocator is preloaded: `trees_malloc DEPTH`, or
// `trees_malloc pairs`, one malloc and free, of 24 bytes, 1,024 at once. Nanoseconds.
#include <array>
#include <cstdlib>
#include <cstring>

#include "tests/bench/memory/trees.h"

namespace taskscope::bench {
namespace {

struct Tree {
  Tree* left;
  Tree* right;
};

struct Malloc {
  Tree* grow(int depth) {
    auto* const tree = static_cast<Tree*>(std::malloc(sizeof(Tree)));
    *tree = depth > 0 ? Tree{grow(depth - 1), grow(depth - 1)} : Tree{};
    return tree;
  }
  long count(const Tree* tree) {
    return tree->left != nullptr ? 1 + count(tree->left) + count(tree->right) : 1;
  }
  void drop(Tree* tree) {
    if (tree->left != nullptr) {
      drop(tree->left);
      drop(tree->right);
    }
    std::free(tree);
  }
  template <class F>
  void with_trees(F f) {
    f();
  }
};

double pairs() {
  constexpr int kOperations = 1 << 22;
  static std::array<void*, 1024> blocks;
  const double begun = cpu_ns();
  for (int i = 0; i < kOperations; ++i) {
    void*& block = blocks[static_cast<std::size_t>(i) % blocks.size()];
    std::free(block);
    block = std::malloc(24);
    asm volatile("" : : "r"(block) : "memory");
  }
  return (cpu_ns() - begun) / kOperations;
}

}  // namespace
}  // namespace taskscope::bench

int main(int count, char** arguments) {
  if (count != 2) return 2;
  taskscope::bench::Malloc trees;
  std::printf("%.3f\n",
              std::strcmp(arguments[1], "pairs") == 0
                  ? taskscope::bench::pairs()
                  : taskscope::bench::trees_ns(trees, taskscope::bench::depth_of(arguments[1])));
  return 0;
}
