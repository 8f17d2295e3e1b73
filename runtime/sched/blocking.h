// ts::blocking: runs a call that may block its OS thread, on behalf of the calling task.
#pragma once

#include <utility>

#include "runtime/base/site.h"

namespace taskscope {

// Returns what `function` returns.
template <class F>
decltype(auto) blocking(F&& function, Site site = Site::here()) {
  static_cast<void>(site);
  return std::forward<F>(function)();
}

// The same for a call that is known to be long.
template <class F>
decltype(auto) blocking_long(F&& function, Site site = Site::here()) {
  static_cast<void>(site);
  return std::forward<F>(function)();
}

}  // namespace taskscope
