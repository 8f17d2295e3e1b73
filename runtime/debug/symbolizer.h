// Symbolizer: turns code addresses of this process into functions and source lines.
//
// Reads the debug information of the program and its libraries (libdw); where there is none, symbol
// tables; where there is none, the module's name and offset. Slow (tens of milliseconds the first
// time) and allocating: for the last words of a program, not for its life. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace taskscope::debug {

struct Frame {
  std::string function;  // demangled; "0x…" if unknown
  std::string file;      // empty if unknown
  int line = 0;

  friend bool operator==(const Frame&, const Frame&) = default;
};

class Symbolizer {
 public:
  Symbolizer();
  ~Symbolizer();

  // The frames at one address, innermost inlined function first; never empty. Stays valid.
  const std::vector<Frame>& lookup(std::uintptr_t address) const;

 private:
  struct Session;

  std::vector<Frame> find(std::uintptr_t address) const;

  std::unique_ptr<Session> session_;
};

}  // namespace taskscope::debug
