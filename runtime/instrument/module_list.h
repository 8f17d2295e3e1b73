// ModuleList: tells a recording which files of code lie where in the program's memory, so that the
// recorder can say which function an address belongs to, also when the program has ended.
//
// Those that are loaded later are told of at the next look. One list per recording. Any thread, not
// in a signal handler: a look asks the dynamic linker.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>

#include "runtime/base/lock.h"

namespace taskscope::instrument {

class ModuleList {
 public:
  // Writes the text of one module, with its number; false if there was no room.
  using Write = std::function<bool(std::uint64_t id, std::string_view text)>;

  // Tells of those that were not told of yet. Nearly free when nothing was loaded since.
  void tell(const Write& write);

 private:
  base::Lock lock_;
  unsigned long long loads_ TASKSCOPE_GUARDED_BY(lock_) = 0;  // that the last look saw
  std::set<std::string> told_ TASKSCOPE_GUARDED_BY(lock_);
};

}  // namespace taskscope::instrument
