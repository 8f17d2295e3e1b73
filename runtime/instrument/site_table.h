// SiteTable: gives source places their 16-bit ids, one table per recording.
//
// Two parts. The table itself is keyed by file, line and function (by content: two headers' copies
// of a literal are one place) and locked. In front of it every lane has a SiteCache, direct-mapped
// by the address of the file name, so that a wait site costs two loads and a comparison. A place
// whose definition found no room in the ring stays undefined and is written again at its next use.
// Places beyond 65,535 are 0, "unknown".
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime/base/lock.h"
#include "runtime/base/site.h"
#include "runtime/trace_format/event.h"

namespace taskscope::instrument {

class SiteTable {
 public:
  SiteTable() = default;
  SiteTable(const SiteTable&) = delete;
  SiteTable& operator=(const SiteTable&) = delete;
  // Nobody uses it any more. The lock says so to ThreadSanitizer, which does not see how workers
  // part with their lanes.
  ~SiteTable() { const base::LockGuard guard(lock_); }

  struct Entry {
    trace_format::SiteId id = 0;
    bool defined = false;  // its SiteName record has been written
  };

  // Finds or adds a place. Any thread.
  Entry find(const base::Site& site);
  void mark_defined(const base::Site& site);

 private:
  // "LINE\tFILE\tFUNCTION", which is also the text of its record.
  base::Lock lock_;
  std::unordered_map<std::string, Entry> entries_ TASKSCOPE_GUARDED_BY(lock_);
};

// The text of a SiteName record.
std::string site_text(const base::Site& site);

// Owned by one lane.
class SiteCache {
 public:
  // 0 if the place is not in the cache.
  trace_format::SiteId find(const base::Site& site) const {
    const Slot& slot = slots_[index(site)];
    return slot.file == site.file && slot.line == site.line ? slot.id : 0;
  }
  void put(const base::Site& site, trace_format::SiteId id) {
    slots_[index(site)] = {site.file, site.line, id};
  }

 private:
  struct Slot {
    const char* file = nullptr;
    std::uint32_t line = 0;
    trace_format::SiteId id = 0;
  };
  static constexpr std::size_t kSlots = 256;

  static std::size_t index(const base::Site& site) {
    return (reinterpret_cast<std::uintptr_t>(site.file) + site.line) % kSlots;
  }

  std::array<Slot, kSlots> slots_{};
};

}  // namespace taskscope::instrument
