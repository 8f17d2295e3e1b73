#include "runtime/sched/fatal.h"

#include <cstdio>
#include <cstdlib>

namespace taskscope::sched {

void panic(const char* message) { throw Panic(message); }

void fatal(const std::string& message) {
  std::fprintf(stderr, "fatal error: %s\n", message.c_str());
  std::_Exit(2);
}

}  // namespace taskscope::sched
