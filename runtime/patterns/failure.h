// The two ways in which a function that somebody hands to us says that it has failed: an exception,
// or a Result<T> without a value. Any thread.
#pragma once

#include <string>

#include "runtime/base/result.h"
#include "runtime/context/context.h"

namespace taskscope::patterns {

template <class T>
inline constexpr bool kIsResult = false;
template <class T>
inline constexpr bool kIsResult<Result<T>> = true;

// What a waiting operation reports when `context` was done first. REQUIRES: context.err().
inline Error done_error(const Context& context, const char* operation) {
  Error error = context.error();
  error.message = std::string(operation) + ": " + error.message;
  return error;
}

}  // namespace taskscope::patterns
