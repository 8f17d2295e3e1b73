// ts::counter: a number that changes, as a curve in the trace.
//
//   ts::counter depth("queue depth");
//   depth.set(7);
//   depth.add(-1);
//   ts::counter read("bytes read", "bytes");  // with its unit
//   read.add(size);
//   if (depth.value() > limit) refuse();
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/lock.h"
#include "runtime/sched/recorded.h"

namespace taskscope {

// Starts at 0. Not recorded, a change costs what the atomic number costs; recorded, a timestamp and
// a 16-byte record. Any thread may use it, and it may live as long as the program does. Two of one
// name and unit are one curve.
class counter {
 public:
  explicit counter(std::string_view name, std::string_view unit = {});
  counter(const counter&) = delete;
  counter& operator=(const counter&) = delete;

  void set(std::int64_t value) {
    if (is_recorded()) [[unlikely]]
      return set_recorded(value);
    value_.store(value, std::memory_order_relaxed);
  }
  // Changes it by `change`, which may be negative.
  void add(std::int64_t change) {
    if (is_recorded()) [[unlikely]]
      return add_recorded(change);
    value_.fetch_add(change, std::memory_order_relaxed);
  }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  void set_recorded(std::int64_t value);
  void add_recorded(std::int64_t change);
  template <class Change>
  void change_recorded(Change change);

  // Constant after construction.
  std::string name_;  // with a tab before its unit, if it has one

  // Held while it changes and the change is written, so that the last value in the trace is the
  // last one. Only while recorded.
  base::Lock order_;
  // Atomic: relaxed, nothing is ordered by it.
  std::atomic<std::int64_t> value_{0};
};

}  // namespace taskscope
