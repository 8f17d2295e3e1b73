#include "runtime/debug/wait_graph.h"

#include <algorithm>

namespace taskscope::debug {
namespace {

using Node = WaitGraph::Node;

// The strongly connected components of the nodes that cannot act, after Tarjan, without recursion:
// a chain of waits may be as long as there are tasks. Each component gets its number after all that
// it leads to.
class Components {
 public:
  Components(const std::pmr::vector<std::uint32_t>& first, const std::pmr::vector<Node>& successors,
             const std::pmr::vector<bool>& left_out, std::pmr::memory_resource* memory)
      : of(left_out.size(), WaitGraph::kNone, memory),
        first_(first),
        successors_(successors),
        left_out_(left_out),
        index_(left_out.size(), 0, memory),
        lowest_(left_out.size(), 0, memory),
        next_(left_out.size(), 0, memory),
        open_(memory),
        path_(memory) {
    for (Node node = 0; node < left_out.size(); ++node) {
      if (!left_out_[node] && index_[node] == 0) walk_from(node);
    }
  }

  std::pmr::vector<std::uint32_t> of;
  std::uint32_t count = 0;

 private:
  void enter(Node node) {
    index_[node] = lowest_[node] = ++last_index_;
    next_[node] = first_[node];
    open_.push_back(node);
    path_.push_back(node);
  }

  void walk_from(Node start) {
    enter(start);
    while (!path_.empty()) {
      const Node node = path_.back();
      if (next_[node] == first_[node + 1]) {
        leave(node);
        continue;
      }
      const Node to = successors_[next_[node]++];
      if (left_out_[to]) continue;
      if (index_[to] == 0) {
        enter(to);
      } else if (of[to] == WaitGraph::kNone) {
        lowest_[node] = std::min(lowest_[node], index_[to]);
      }
    }
  }

  void leave(Node node) {
    path_.pop_back();
    if (!path_.empty()) lowest_[path_.back()] = std::min(lowest_[path_.back()], lowest_[node]);
    if (lowest_[node] != index_[node]) return;
    Node member;
    do {
      member = open_.back();
      open_.pop_back();
      of[member] = count;
    } while (member != node);
    ++count;
  }

  const std::pmr::vector<std::uint32_t>& first_;
  const std::pmr::vector<Node>& successors_;
  const std::pmr::vector<bool>& left_out_;
  std::pmr::vector<std::uint32_t> index_;
  std::pmr::vector<std::uint32_t> lowest_;
  std::pmr::vector<std::uint32_t> next_;
  std::pmr::vector<Node> open_;
  std::pmr::vector<Node> path_;
  std::uint32_t last_index_ = 0;
};

}  // namespace

WaitGraph::WaitGraph(std::pmr::memory_resource* memory)
    : memory_(memory),
      is_task_(memory),
      edges_(memory),
      roots_(memory),
      first_(memory),
      successors_(memory),
      acts_(memory),
      cause_(memory),
      is_cause_(memory) {}

WaitGraph::Node WaitGraph::add(bool is_task) {
  is_task_.push_back(is_task);
  return static_cast<Node>(is_task_.size() - 1);
}

void WaitGraph::solve() {
  build_successors();
  spread();
  find_causes();
}

// A counting sort of the edges by where they come from.
void WaitGraph::build_successors() {
  first_.assign(size() + 1, 0);
  for (const auto& edge : edges_) ++first_[edge.first + 1];
  for (std::size_t i = 0; i < size(); ++i) first_[i + 1] += first_[i];
  std::pmr::vector<std::uint32_t> place(first_.begin(), first_.end() - 1, memory_);
  successors_.resize(edges_.size());
  for (const auto& [from, to] : edges_) successors_[place[from]++] = to;
}

void WaitGraph::spread() {
  acts_.assign(size(), false);
  std::pmr::vector<Node> work(roots_.begin(), roots_.end(), memory_);
  for (const Node node : work) acts_[node] = true;
  while (!work.empty()) {
    const Node node = work.back();
    work.pop_back();
    for (std::uint32_t i = first_[node]; i < first_[node + 1]; ++i) {
      const Node to = successors_[i];
      if (acts_[to]) continue;
      acts_[to] = true;
      work.push_back(to);
    }
  }
}

// A component with a task in it that no other such component leads to is a cause, and passes its
// number on to all that it leads to.
void WaitGraph::find_causes() {
  const Components components(first_, successors_, acts_, memory_);
  std::pmr::vector<bool> has_task(components.count, false, memory_);
  std::pmr::vector<std::uint32_t> cause(components.count, kNone, memory_);
  std::pmr::vector<std::uint32_t> place(components.count + 1, 0, memory_);
  for (Node node = 0; node < size(); ++node) {
    if (acts_[node]) continue;
    if (is_task_[node]) has_task[components.of[node]] = true;
    ++place[components.of[node] + 1];
  }
  for (std::uint32_t i = 0; i < components.count; ++i) place[i + 1] += place[i];
  std::pmr::vector<std::uint32_t> at(place.begin(), place.end() - 1, memory_);
  std::pmr::vector<Node> members(place.back(), 0, memory_);
  for (Node node = 0; node < size(); ++node) {
    if (!acts_[node]) members[at[components.of[node]]++] = node;
  }
  cause_.assign(size(), kNone);
  is_cause_.assign(size(), false);
  // Whoever leads to a component has a higher number.
  for (std::uint32_t component = components.count; component-- > 0;) {
    if (has_task[component] && cause[component] == kNone) cause[component] = component;
    for (std::uint32_t m = place[component]; m < place[component + 1]; ++m) {
      const Node node = members[m];
      cause_[node] = cause[component];
      is_cause_[node] = is_task_[node] && cause[component] == component;
      for (std::uint32_t i = first_[node]; i < first_[node + 1]; ++i) {
        const Node to = successors_[i];
        if (acts_[to]) continue;
        std::uint32_t& theirs = cause[components.of[to]];
        if (theirs == kNone) theirs = cause[component];
      }
    }
  }
}

}  // namespace taskscope::debug
