// NameTable: gives texts that are said again and again their ids, one table per recording: names of
// regions and counters, categories of logs.
//
// Two parts, as of SiteTable. The table is keyed by content and locked. In front of it every lane
// has a NameCache, direct-mapped by the hash of the content, so that a name costs its hash and a
// comparison, wherever its text lies and however short it lives there. A name whose definition
// found no room in the ring stays undefined and is written again at its next use. Names beyond a
// million are 0, "no name".
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>

#include "runtime/base/lock.h"
#include "runtime/base/sanitizer.h"
#include "runtime/trace_format/event.h"

namespace taskscope::instrument {

class NameTable {
 public:
  static constexpr std::size_t kNamesMax = std::size_t{1} << 20;
  static_assert(kNamesMax <= trace_format::kNameMax);

  NameTable() = default;
  NameTable(const NameTable&) = delete;
  NameTable& operator=(const NameTable&) = delete;
  // Nobody uses it any more; see SiteTable.
  ~NameTable() { const base::LockGuard guard(lock_); }

  struct Entry {
    trace_format::NameId id = 0;
    bool defined = false;               // its Name record has been written
    const std::string* text = nullptr;  // stays where it is
  };

  // Finds or adds a name. Any thread.
  Entry find(std::string_view text);
  void mark_defined(std::string_view text);

 private:
  struct Known {
    trace_format::NameId id = 0;
    bool defined = false;
  };

  base::Lock lock_;
  std::unordered_map<std::string, Known> names_ TASKSCOPE_GUARDED_BY(lock_);
};

// Owned by one lane.
class NameCache {
 public:
  // 0 if the name is not in the cache.
  trace_format::NameId find(std::string_view text, std::size_t hash) const {
    const Slot& slot = slots_[hash % kSlots];
    // Pairs with the release when the table took it in.
    if (slot.id != 0) base::annotate_acquire(const_cast<std::string*>(slot.text));
    return slot.id != 0 && *slot.text == text ? slot.id : 0;
  }
  // `text` is the table's.
  void put(const std::string& text, std::size_t hash, trace_format::NameId id) {
    slots_[hash % kSlots] = {&text, id};
  }

 private:
  struct Slot {
    const std::string* text = nullptr;
    trace_format::NameId id = 0;
  };
  static constexpr std::size_t kSlots = 256;

  std::array<Slot, kSlots> slots_{};
};

}  // namespace taskscope::instrument
