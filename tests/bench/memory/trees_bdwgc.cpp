// binary-trees on the collector of Boehm, Demers and Weiser: `trees_bdwgc DEPTH`. Nanoseconds.
#include <gc.h>

#include <cstdlib>

#include "tests/bench/memory/trees.h"

namespace {

struct Tree {
  Tree* left;
  Tree* right;
};

struct Collected {
  Tree* grow(int depth) {
    auto* const tree = static_cast<Tree*>(GC_MALLOC(sizeof(Tree)));
    if (depth > 0) {
      tree->left = grow(depth - 1);
      tree->right = grow(depth - 1);
    }
    return tree;
  }
  long count(const Tree* tree) {
    return tree->left != nullptr ? 1 + count(tree->left) + count(tree->right) : 1;
  }
  void drop(Tree*) {}
  template <class F>
  void with_trees(F f) {
    f();
  }
};

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return 2;
  GC_INIT();
  Collected trees;
  std::printf("%.3f\n",
              taskscope::bench::trees_ns(trees, taskscope::bench::depth_of(arguments[1])));
  return 0;
}
