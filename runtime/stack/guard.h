// GuardPages: makes pages fault on touch, by the cheapest means the kernel has.
//
// MADV_GUARD_INSTALL (Linux 6.13) marks the pages without splitting the mapping, so every stack can
// have one. Older kernels only have mprotect, which costs two entries of the process's limited map
// count; past half of that limit stacks go without a guard, and unguarded() says how many.
// Not thread-safe; the owner locks.
#pragma once

#include <cstddef>

namespace taskscope::stack {

class GuardPages {
 public:
  enum class Means { Madvise, Mprotect };

  GuardPages();
  // For tests: as if the kernel had only these means.
  explicit GuardPages(Means means);
  // And room for `budget` guards by mprotect.
  GuardPages(Means means, std::size_t budget) : means_(means), mprotect_budget_(budget) {}

  // Guards the pages of one stack. False if it stays without.
  bool install(void* first, std::size_t bytes);

  std::size_t unguarded() const { return unguarded_; }

 private:
  Means means_ = Means::Madvise;
  std::size_t mprotect_budget_ = 0;
  std::size_t unguarded_ = 0;
};

}  // namespace taskscope::stack
