// ts::region: a part of what a task does, with a name, as an interval in the trace.
//
//   ts::region parsing("parse");                  // until the end of the block
//   { ts::region row("row"); parse_row(); }       // regions nest
//   { ts::region query("query " + table); run_query(table); }
//
// Not recorded, a region costs a load and a branch at each end; recorded, a timestamp and a 16-byte
// record at each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "runtime/base/site.h"
#include "runtime/sched/recorded.h"
#include "runtime/trace_format/event.h"

namespace taskscope {

// Belongs to the task that made it; on a thread that runs no task it is nothing. Names are kept by
// the recording, each once: a name for each kind of work, not for each request (a million names at
// most; use a label or a log for what is different each time).
// REQUIRES: regions of a task end in the reverse order of their beginnings, as blocks do.
class [[nodiscard]] region {
 public:
  explicit region(std::string_view name, Site site = Site::here()) {
    if (is_recorded()) [[unlikely]]
      enter(name, site);
  }
  // A literal can still be named if a recorder comes in the middle of the region.
  template <std::size_t kSize>
  explicit region(const char (&name)[kSize], Site site = Site::here()) : literal_(name) {
    if (is_recorded()) [[unlikely]]
      enter(literal_, site);
  }
  // An array that is no literal may be gone or changed at the end.
  template <std::size_t kSize>
  explicit region(char (&name)[kSize], Site site = Site::here())
      : region(std::string_view(name), site) {}
  ~region() {
    if (is_recorded()) [[unlikely]]
      leave();
  }
  region(const region&) = delete;
  region& operator=(const region&) = delete;

 private:
  void enter(std::string_view name, const Site& site);
  void leave() const;

  const char* literal_ = nullptr;  // null: the name may be gone at the end
  trace_format::NameId name_ = 0;  // in the recording that saw it begin
  std::uint16_t session_ = 0;      // that recording; 0: none did
  std::uint8_t depth_ = 0;
};

}  // namespace taskscope
