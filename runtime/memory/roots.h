// Where handles lie outside of collected memory and of tasks' stacks: globals, what containers have
// allocated, buffers of channels.
//
// A ts::ptr there is known by itself, from when it first refers to something until it does not any
// more. A type whose objects own such handles (a vector of them in a collected object) shows them
// to the collector; they then keep nothing alive by themselves, so that circles through containers
// are collected.
//
// All by any thread; what is below "The collector's" by that, beside tasks: of what they add and
// remove meanwhile it sees some.
#pragma once

#include <cstddef>
#include <cstdint>

namespace taskscope::memory {

// REQUIRES: it is not known / it is.
void add_root(const void* place);
void remove_root(const void* place);

// Memory that may hold handles anywhere, from add() to remove(). Part of whoever owns that memory.
class RootRange {
 public:
  RootRange() = default;
  RootRange(const RootRange&) = delete;
  RootRange& operator=(const RootRange&) = delete;

  void add(const void* first, std::size_t bytes);
  void remove();

  const void* first() const { return first_; }
  std::size_t bytes() const { return bytes_; }
  const RootRange* next() const { return next_; }

 private:
  // Guarded by the list's lock.
  const void* first_ = nullptr;
  std::size_t bytes_ = 0;
  RootRange* next_ = nullptr;
  RootRange* previous_ = nullptr;
};

// ---- The collector's ----
// Says that the handle in `place` belonged to a collected object when this collection began.
void set_owned(const void* place);
void forget_owned();
bool is_root(const void* place);
using EachRoot = void (*)(void* context, void* const* place, bool owned);
void each_root(EachRoot visit, void* context);
using EachRange = void (*)(void* context, const void* first, std::size_t bytes);
void each_range(EachRange visit, void* context);
std::size_t root_count();

}  // namespace taskscope::memory
