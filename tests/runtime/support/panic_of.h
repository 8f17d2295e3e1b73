// panic_of: the message of the ts::Panic that a function throws. For tests of misuse; any thread.
#pragma once

#include <string>

#include "runtime/taskscope.h"

namespace taskscope::test {

template <class F>
std::string panic_of(F function) {
  try {
    function();
  } catch (const Panic& panic) {
    return panic.what();
  }
  return "no panic";
}

}  // namespace taskscope::test
