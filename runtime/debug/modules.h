// Modules: the program and its libraries as libdw sees them, in memory now.
//
// Slow to make (it reads the list of mappings), allocating; one thread at a time.
#pragma once

#include <elfutils/libdwfl.h>

#include <cstdint>

namespace taskscope::debug {

class Modules {
 public:
  Modules();
  ~Modules();
  Modules(const Modules&) = delete;
  Modules& operator=(const Modules&) = delete;

  // The module whose code `address` is; null if it is nobody's, or this process cannot be read.
  Dwfl_Module* at(std::uintptr_t address) const;

 private:
  Dwfl* dwfl_;
};

}  // namespace taskscope::debug
