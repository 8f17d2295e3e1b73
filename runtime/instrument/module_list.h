// ModuleList: tells a recording which files of code lie where in the program's memory, so that the
// recorder can say which function an address belongs to, also when the program has ended.
//
// Those that are loaded later are told of at the next look. One list per recording. Any thread, not
// in a signal handler: a look asks the dynamic linker.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "runtime/base/lock.h"

namespace taskscope::instrument {

// What a recording was told lies where by now. A place may be told of again: what was unloaded made
// room for something else, and may come back.
class ToldModules {
 public:
  // Whether `text` is the last that was told of what begins at `first`.
  bool contains(std::uint64_t first, std::string_view text) const;
  // What was there lies there no longer.
  void add(std::uint64_t first, std::uint64_t end, std::string text);
  std::uint64_t count() const { return count_; }  // of all that were told of

 private:
  struct Place {
    std::uint64_t end = 0;
    std::string text;
  };
  std::map<std::uint64_t, Place> places_;  // by their beginnings; none reaches into the next
  std::uint64_t count_ = 0;
};

class ModuleList {
 public:
  // Writes the text of one module, with its number; false if there was no room.
  using Write = std::function<bool(std::uint64_t id, std::string_view text)>;

  // Tells of those that were not told of yet. Nearly free when nothing was loaded since.
  void tell(const Write& write);

 private:
  base::Lock lock_;
  unsigned long long loads_ TASKSCOPE_GUARDED_BY(lock_) = 0;  // that the last look saw
  ToldModules told_ TASKSCOPE_GUARDED_BY(lock_);
};

}  // namespace taskscope::instrument
