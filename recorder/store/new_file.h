// What is said of a file that was to be made and is there: nothing is written over. A plain
// function.
#pragma once

#include <string>

#include "runtime/base/result.h"

namespace taskscope::store {

inline Error exists_already(const std::string& path) {
  return Error{path + " exists already; remove it or choose another name."};
}

}  // namespace taskscope::store
