// A function that runs in a child process, on a stack of its own: what a program that is about to
// end does last and cannot do safely itself.
//
// The child has a copy of everything, so it may look at the memory of the dying, allocate, and
// fail: a fault, or a lock that was held when the program failed, ends only the child.
// Async-signal-safe, but for what the function does; any thread.
#pragma once

namespace taskscope::debug {

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
