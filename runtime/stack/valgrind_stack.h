// Tells valgrind that a piece of memory is a stack, so that it takes a change to it for a switch
// and not for a huge frame. Nothing where valgrind's header was not there at build time; a few
// instructions where the program does not run under it.
#pragma once

#include <cstddef>

#if TASKSCOPE_VALGRIND
#include <valgrind/valgrind.h>
#endif

namespace taskscope::stack {

#if TASKSCOPE_VALGRIND
inline bool under_valgrind() { return RUNNING_ON_VALGRIND != 0; }
// The number by which valgrind knows it. REQUIRES: under_valgrind().
inline unsigned tell_valgrind(char* low, std::size_t bytes) {
  return VALGRIND_STACK_REGISTER(low, low + bytes - 1);
}
inline void valgrind_forget(unsigned stack) { VALGRIND_STACK_DEREGISTER(stack); }
#else
inline bool under_valgrind() { return false; }
inline unsigned tell_valgrind(char*, std::size_t) { return 0; }
inline void valgrind_forget(unsigned) {}
#endif

}  // namespace taskscope::stack
