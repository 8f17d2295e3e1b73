#include "runtime/context/context_error.h"

#include <string>

namespace taskscope {
namespace {

class ContextCategory : public std::error_category {
 public:
  const char* name() const noexcept override { return "context"; }
  std::string message(int error) const override {
    return static_cast<ContextErrc>(error) == ContextErrc::DeadlineExceeded
               ? "context deadline exceeded"
               : "context canceled";
  }
  std::error_condition default_error_condition(int error) const noexcept override {
    return static_cast<ContextErrc>(error) == ContextErrc::DeadlineExceeded
               ? std::errc::timed_out
               : std::errc::operation_canceled;
  }
};

}  // namespace

const std::error_category& context_category() noexcept {
  static const ContextCategory category;
  return category;
}

}  // namespace taskscope
