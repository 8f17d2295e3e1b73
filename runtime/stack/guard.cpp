#include "runtime/stack/guard.h"

#include <sys/mman.h>

#include <cstdio>

namespace taskscope::stack {
namespace {

// Not in the headers of glibc 2.36.
constexpr int kMadvGuardInstall = 102;

// Every guard by mprotect splits one mapping into three. Half of the limit stays for the program.
std::size_t read_mprotect_budget() {
  std::size_t limit = 65'530;
  if (std::FILE* file = std::fopen("/proc/sys/vm/max_map_count", "re")) {
    if (std::fscanf(file, "%zu", &limit) != 1) limit = 65'530;
    std::fclose(file);
  }
  return limit / 4;
}

}  // namespace

GuardPages::GuardPages() : GuardPages(Means::Madvise) {}

GuardPages::GuardPages(Means means) : means_(means) {
  if (means_ == Means::Mprotect) mprotect_budget_ = read_mprotect_budget();
}

bool GuardPages::install(void* first, std::size_t bytes) {
  if (means_ == Means::Madvise) {
    if (madvise(first, bytes, kMadvGuardInstall) == 0) return true;
    *this = GuardPages(Means::Mprotect);
  }
  if (mprotect_budget_ > 0 && mprotect(first, bytes, PROT_NONE) == 0) {
    --mprotect_budget_;
    return true;
  }
  ++unguarded_;
  return false;
}

}  // namespace taskscope::stack
