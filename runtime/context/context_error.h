// Why a context is done: Canceled or DeadlineExceeded, as a std::error_code and as an exception.
//
//   if (ctx.err() == ts::ContextErrc::DeadlineExceeded) …
//   log(ctx.err().message());  // "context deadline exceeded"
//
// Both also equal the standard's std::errc::operation_canceled and std::errc::timed_out.
#pragma once

#include <system_error>

namespace taskscope {

enum class ContextErrc { Canceled = 1, DeadlineExceeded = 2 };

const std::error_category& context_category() noexcept;

inline std::error_code make_error_code(ContextErrc error) noexcept {
  return {static_cast<int>(error), context_category()};
}

// The same as an exception: a context's cause where none was given.
class ContextError : public std::system_error {
 public:
  explicit ContextError(ContextErrc error) : std::system_error(make_error_code(error)) {}
};

}  // namespace taskscope

template <>
struct std::is_error_code_enum<taskscope::ContextErrc> : std::true_type {};
