#include "runtime/scope/scope_errors.h"

#include <string>

namespace taskscope {
namespace {

constexpr std::size_t kShown = 3;

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& exception) {
    return exception.what();
  } catch (...) {
    return "an exception that is no std::exception";
  }
}

std::string list(const std::vector<std::exception_ptr>& errors) {
  std::string text = std::to_string(errors.size());
  text += errors.size() == 1 ? " error of a scope: " : " errors of a scope: ";
  for (std::size_t i = 0; i < errors.size() && i < kShown; ++i) {
    if (i > 0) text += "; ";
    text += text_of(errors[i]);
  }
  if (errors.size() > kShown) text += "; and " + std::to_string(errors.size() - kShown) + " more";
  return text;
}

}  // namespace

ScopeErrors::ScopeErrors(std::vector<std::exception_ptr> errors)
    : std::runtime_error(list(errors)), errors_(std::move(errors)) {}

}  // namespace taskscope
