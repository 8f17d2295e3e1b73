// ts::ScopeErrors: the errors of several children, thrown by the end of a scope that collects them
// (OnError::Collect) when nobody has asked for them.
//
//   try {
//     check_all(hosts);
//   } catch (const ts::ScopeErrors& failed) {
//     for (const std::exception_ptr& error : failed.errors()) report(error);
//   }
#pragma once

#include <exception>
#include <stdexcept>
#include <utility>
#include <vector>

namespace taskscope {

// what() says how many they are and what the first of them say.
class ScopeErrors : public std::runtime_error {
 public:
  explicit ScopeErrors(std::vector<std::exception_ptr> errors);

  // In the order in which they came.
  const std::vector<std::exception_ptr>& errors() const { return errors_; }

 private:
  std::vector<std::exception_ptr> errors_;
};

}  // namespace taskscope
