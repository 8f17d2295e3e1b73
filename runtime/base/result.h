// Result<T>: a value, or the sentence that says why there is none.
//
// Names follow std::expected (C++23) so that the type can be replaced by it. The message is one
// full sentence for the person at the terminal: it names the object and says what to do next.
// Values are owned; a Result belongs to one thread at a time like any other value.
#pragma once

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

#include "runtime/base/check.h"

namespace taskscope::base {

// What a program may want to tell apart; the rest is for people to read.
enum class ErrorKind : std::uint8_t {
  Other,
  Closed,     // by this program, perhaps by another task
  Timeout,    // a deadline has passed, perhaps the context's
  Cancelled,  // the context was cancelled first
  EndOfFile,  // nothing more will come
};

struct Error {
  std::string message;
  ErrorKind kind = ErrorKind::Other;
  int os_error = 0;  // errno, where the operating system has said no
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  bool has_value() const { return state_.index() == 0; }
  explicit operator bool() const { return has_value(); }

  // REQUIRES: has_value().
  T& value() & {
    TASKSCOPE_CHECK(has_value());
    return std::get<0>(state_);
  }
  const T& value() const& {
    TASKSCOPE_CHECK(has_value());
    return std::get<0>(state_);
  }
  T&& value() && {
    TASKSCOPE_CHECK(has_value());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !has_value().
  const Error& error() const {
    TASKSCOPE_CHECK(!has_value());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, Error> state_;
};

// Success without a value. `return {};` is success.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), failed_(true) {}  // NOLINT: implicit

  bool has_value() const { return !failed_; }
  explicit operator bool() const { return has_value(); }

  // REQUIRES: !has_value().
  const Error& error() const {
    TASKSCOPE_CHECK(failed_);
    return error_;
  }

 private:
  Error error_;
  bool failed_ = false;
};

}  // namespace taskscope::base

namespace taskscope {
using base::Error;
using base::ErrorKind;
using base::Result;
}  // namespace taskscope
