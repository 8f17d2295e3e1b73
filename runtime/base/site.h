// Site: a place in the source of the traced program, taken by default arguments.
//
// A plain value of three words; file and function are string literals that live for ever. Usable
// from any thread. std::source_location is not used because clang 14 cannot read libstdc++ 12's.
#pragma once

#include <cstdint>

namespace taskscope::base {

struct Site {
  const char* file = nullptr;
  const char* function = nullptr;
  std::uint32_t line = 0;

  // As a default argument this names the caller's place:
  //   void go(F f, Site site = Site::here());
  static constexpr Site here(const char* file = __builtin_FILE(),
                             const char* function = __builtin_FUNCTION(),
                             std::uint32_t line = __builtin_LINE()) {
    return {file, function, line};
  }
};

}  // namespace taskscope::base

namespace taskscope {
using base::Site;
}  // namespace taskscope
