// The text of a `finding` event: tasks of which the program has found out that they can never go
// on. FORMAT.md has its form. Plain values, usable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/trace_format/event.h"

namespace taskscope::trace_format {

enum class LeakKind : std::uint8_t {
  SelfLock,       // a task waits for a lock that it has itself
  LockCycle,      // tasks wait for locks that the others of them have
  AbandonedLock,  // who has taken the lock has ended
  Leaked          // nobody can end the wait
};

std::string_view to_text(LeakKind kind);
std::optional<LeakKind> parse_leak_kind(std::string_view text);

struct LeakText {
  // A task, and who has the lock that it waits for; 0: it waits for no lock, or that is not known.
  struct Member {
    TaskId task = 0;
    TaskId holder = 0;
    bool is_victim = false;  // it is not one of those that the others wait for
    // Who has last given up what it waits for, and how long before; 0: no task, or not known.
    TaskId dropped_by = 0;
    std::uint64_t dropped_ago_ns = 0;
    std::uint64_t held_bytes = 0;  // of memory: its stack, its closure

    friend bool operator==(const Member&, const Member&) = default;
  };
  LeakKind kind = LeakKind::Leaked;
  bool proved = false;      // else it is suspected
  bool unwound = false;     // proved, and their waits are now ended by force
  std::uint64_t group = 0;  // the same in all events about tasks that belong together
  // Where what they wait for was given up: a source line, and the function; empty: not known.
  std::string dropped_at;
  std::string dropped_in;
  std::vector<Member> members;  // as many as one event has room for: others come in another

  static constexpr std::size_t kMembersMax = 40;
  static constexpr std::size_t kPlaceBytesMax = 400;  // of dropped_at, and of dropped_in

  friend bool operator==(const LeakText&, const LeakText&) = default;
};

std::string format_leak(const LeakText& leak);
std::optional<LeakText> parse_leak(std::string_view text);

}  // namespace taskscope::trace_format
