// generator: a task makes values one by one and hands them over a channel, so that whoever needs
// them writes an ordinary loop, and takes as many as it likes.
//
// Use one where values are dear, endless, or come out of a recursion that would have to be turned
// inside out to give them one at a time. Here two trees are walked in order, both at once, to see
// whether they hold the same values: the recursion stays a recursion, the comparison a loop.
//
// A generator waits in send until somebody receives. Who stops early must tell it: both walks are
// children of a scope, whose context ends their waits, and whose end waits for them, because they
// refer to the trees.
#include <cstdio>
#include <memory>
#include <optional>
#include <vector>

#include "runtime/taskscope.h"

namespace {

struct Tree {
  explicit Tree(int number) : value(number) {}

  void insert(int number) {
    std::unique_ptr<Tree>& side = number < value ? left : right;
    if (side == nullptr) {
      side = std::make_unique<Tree>(number);
    } else {
      side->insert(number);
    }
  }

  int value;
  std::unique_ptr<Tree> left;
  std::unique_ptr<Tree> right;
};

Tree tree_of(const std::vector<int>& numbers) {
  Tree tree(numbers.front());
  for (std::size_t i = 1; i < numbers.size(); ++i) tree.insert(numbers[i]);
  return tree;
}

// False: nobody wants any more.
bool walk(const ts::Context& ctx, const Tree* tree, const ts::Sender<int>& to) {
  return tree == nullptr || (walk(ctx, tree->left.get(), to) && to.send(ctx, tree->value) &&
                             walk(ctx, tree->right.get(), to));
}

ts::Receiver<int> values_of(ts::Scope& walks, const Tree& tree) {
  const auto values = ts::make_chan<int>("values");
  walks.go("walk", [&tree, values](const ts::Context& ctx) {
    walk(ctx, &tree, values);
    values.close();
  });
  return values;
}

struct Comparison {
  bool same = false;
  int values = 0;  // that were looked at in each
};

Comparison compare(const Tree& a, const Tree& b) {
  ts::Scope walks;
  const ts::Receiver<int> of_a = values_of(walks, a);
  const ts::Receiver<int> of_b = values_of(walks, b);
  Comparison result;
  for (;;) {
    const std::optional<int> x = of_a.recv();
    const std::optional<int> y = of_b.recv();
    result.same = x == y;
    if (!x || !y || x != y) break;
    ++result.values;
  }
  walks.cancel();  // the walks that wait in send give up
  return result;
}

}  // namespace

int main() {
  return ts::run([] {
    const Tree tree = tree_of({5, 2, 8, 1, 4, 6, 9, 3, 7});
    const Comparison turned = compare(tree, tree_of({1, 2, 3, 4, 5, 6, 7, 8, 9}));
    const Comparison other = compare(tree, tree_of({5, 2, 8, 1, 3, 6, 9, 7}));
    std::printf("the same values in another shape: %s after %d values\n",
                turned.same ? "equal" : "different", turned.values);
    std::printf("one value less: %s after %d values\n", other.same ? "equal" : "different",
                other.values);
    return turned.same && turned.values == 9 && !other.same && other.values == 3 ? 0 : 1;
  });
}
