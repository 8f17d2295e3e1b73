// WaitGraph: who can still wake whom. What cannot be reached in it from anything that can act by
// itself never acts again; that is the proof that tasks have leaked.
//
// Nodes are whatever can act, or be used by who can: tasks, the memory of tasks, the ends of
// channels. An edge says that `to` can act, or be used, if `from` can. Roots can act by themselves:
// tasks that run, timers, memory that nobody accounts for. Knows nothing of tasks, so that tests
// can hold it against brute force. Linear in nodes and edges. All memory comes from the resource
// that it is given. One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <utility>
#include <vector>

namespace taskscope::debug {

class WaitGraph {
 public:
  using Node = std::uint32_t;
  static constexpr Node kNone = static_cast<Node>(-1);

  explicit WaitGraph(std::pmr::memory_resource* memory);

  // `is_task`: it is asked about; other nodes only stand between tasks.
  Node add(bool is_task);
  void connect(Node from, Node to) { edges_.emplace_back(from, to); }
  void make_root(Node node) { roots_.push_back(node); }

  // Finds out what can still act. Once, or again after more was added.
  void solve();

  // REQUIRES of all below: solve() was called after the last change.
  bool can_act(Node node) const { return acts_[node]; }
  // Of a task that cannot: a number that it shares with those tasks that wait for each other in a
  // circle with it, if they wait for nobody else; and with those that wait, in the end, for these.
  std::uint32_t cause(Node task) const { return cause_[task]; }
  // Whether it is one of those in the circle, or waits for no task at all.
  bool is_cause(Node task) const { return is_cause_[task]; }

  std::size_t size() const { return is_task_.size(); }

 private:
  void build_successors();
  void spread();
  void find_causes();

  std::pmr::memory_resource* memory_;
  std::pmr::vector<bool> is_task_;
  std::pmr::vector<std::pair<Node, Node>> edges_;
  std::pmr::vector<Node> roots_;
  // Of solve(): the successors of node n stand from first_[n] to first_[n + 1].
  std::pmr::vector<std::uint32_t> first_;
  std::pmr::vector<Node> successors_;
  std::pmr::vector<bool> acts_;
  std::pmr::vector<std::uint32_t> cause_;
  std::pmr::vector<bool> is_cause_;
};

}  // namespace taskscope::debug
