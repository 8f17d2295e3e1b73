// A function that runs in a child process, on a stack of its own: what a program that is about to
// end does last and cannot do safely itself.
//
// The child has a copy of everything, so it may look at the memory of the dying, allocate, and
// fail: a fault, or a lock that was held when the program failed, ends only the child.
// Async-signal-safe, but for what the function does; any thread.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace taskscope::debug {

// One child, for a caller that has something to do when the copy has been made.
class Child {
 public:
  Child();
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  enum class End : std::uint8_t { Done, Failed, TimedOut };

  // Copies this process; the copy calls function(argument) and ends after `seconds_max` at the
  // latest.
  void start(void (*function)(void* argument), void* argument, unsigned seconds_max);
  // Failed if the child could not be made or died.
  End wait();

  // What the function runs on.
  const void* stack() const { return stack_; }
  static constexpr std::size_t kStackBytes = std::size_t{8} << 20;

 private:
  void* stack_;
  pid_t pid_ = -1;
};

// True if `function(argument)` has returned there. False if the child could not be made, died, or
// was not done after twenty seconds.
bool run_in_child(void (*function)(void* argument), void* argument);

// The same for a closure.
template <class F>
bool run_in_child(const F& function) {
  const void* const address = &function;
  return run_in_child([](void* argument) { (**static_cast<const F* const*>(argument))(); },
                      const_cast<void*>(static_cast<const void*>(&address)));
}

}  // namespace taskscope::debug
