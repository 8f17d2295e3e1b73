// LinearSearch: whether operations that overlapped in time can have happened one after the other
// (linearizability, after Wing and Gong).
//
// Every operation has the instants of its call and its return. The search looks for one order of
// all of them that respects those instants and that a sequential model can do. A model can be
// copied and has
//   bool apply(const Operation& op, bool contended)   it does `op`, or cannot; contended: other
//                                                     operations were under way just then
//   bool apply_pair(const Operation& a, const Operation& b)   both in one instant (a rendezvous)
//   std::string text() const                          its state
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace taskscope::tests {

template <class Operation, class Model>
class LinearSearch {
 public:
  LinearSearch(const std::vector<Operation>& operations, const Model& start)
      : operations_(operations), taken_(operations.size(), false) {
    found_ = step(start, 0);
  }
  bool found() const { return found_; }

 private:
  bool step(const Model& model, std::size_t count) {
    if (count == operations_.size()) return true;
    const std::string key(taken_.begin(), taken_.end());
    if (!seen_.insert(key + model.text()).second) return false;
    const std::vector<std::size_t> next = possible();
    for (const std::size_t i : next) {
      Model after = model;
      if (after.apply(operations_[i], next.size() > 1) && go_on(after, count, {i})) return true;
      for (const std::size_t j : next) {
        after = model;
        if (i == j || !after.apply_pair(operations_[i], operations_[j])) continue;
        if (go_on(after, count, {i, j})) return true;
      }
    }
    return false;
  }

  // What was called before every operation that is left had returned.
  std::vector<std::size_t> possible() const {
    std::uint32_t first_return = ~0u;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (!taken_[i]) first_return = std::min(first_return, operations_[i].returned);
    }
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < operations_.size(); ++i) {
      if (!taken_[i] && operations_[i].called <= first_return) result.push_back(i);
    }
    return result;
  }

  bool go_on(const Model& model, std::size_t count, const std::vector<std::size_t>& taken) {
    for (const std::size_t i : taken) taken_[i] = true;
    if (step(model, count + taken.size())) return true;
    for (const std::size_t i : taken) taken_[i] = false;
    return false;
  }

  const std::vector<Operation>& operations_;
  std::vector<bool> taken_;
  std::set<std::string> seen_;
  bool found_ = false;
};

}  // namespace taskscope::tests
