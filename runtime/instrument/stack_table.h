// StackTable: gives stacks of calls their numbers, one table per recording.
//
// Two parts, as SiteTable: the table itself is keyed by the calls and locked; in front of it every
// lane has a StackCache by a hash of 64 bits, which it takes to be the stack itself: of the
// kStacksMax stacks there can be, two have the same one once in two billion programs. A stack whose
// definition found no room in the ring stays undefined and is written again at its next use. Stacks
// beyond kStacksMax are 0, "no stack".
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>

#include "runtime/base/lock.h"
#include "runtime/trace_format/event.h"

namespace taskscope::instrument {

// Return addresses, innermost call first, and their hash.
struct StackOfCalls {
  std::span<const std::uint64_t> calls;
  std::uint64_t hash = 0;
};

// Never 0.
inline std::uint64_t hash_of_calls(std::span<const std::uint64_t> calls) {
  // Multiply and fold, as in wyhash: two multiplications side by side for each call.
  std::uint64_t hash = 0x9e37'79b9'7f4a'7c15 ^ calls.size();
  for (const std::uint64_t call : calls) {
    hash = (hash ^ call) * 0xff51'afd7'ed55'8ccd;
    hash ^= hash >> 32;
  }
  return hash | 1;
}

class StackTable {
 public:
  static constexpr std::size_t kStacksMax = std::size_t{1} << 17;

  StackTable() = default;
  StackTable(const StackTable&) = delete;
  StackTable& operator=(const StackTable&) = delete;
  // As in SiteTable.
  ~StackTable() { const base::LockGuard guard(lock_); }

  struct Entry {
    trace_format::StackId id = 0;
    bool defined = false;  // its Stack record has been written
  };

  // Finds or adds a stack. Any thread.
  Entry find(const StackOfCalls& stack);
  void mark_defined(const StackOfCalls& stack);

 private:
  // The bytes of the calls.
  base::Lock lock_;
  std::unordered_map<std::string, Entry> entries_ TASKSCOPE_GUARDED_BY(lock_);
};

// Owned by one lane.
class StackCache {
 public:
  struct Slot {
    std::uint64_t hash = 0;  // 0: empty
    trace_format::StackId id = 0;
  };

  // The place of the stack with this hash; another one may be there.
  Slot& slot(std::uint64_t hash) { return slots_[hash >> 32 & (kSlots - 1)]; }

 private:
  static constexpr std::size_t kSlots = 4096;

  std::array<Slot, kSlots> slots_{};
};

}  // namespace taskscope::instrument
