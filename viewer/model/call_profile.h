// Where the samples of a stretch of time went, or the time that tasks waited in it: by function,
// and as a tree of who called whom.
//
// Plain data and functions, for the threads that answer questions (answers.h). Functions are those
// of the session's StackTable. What the runtime does around a program's calls is left out: it is
// there in every stack.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "viewer/model/session.h"

namespace taskscope::viewer {

enum class ProfileOf : std::uint8_t { Cpu, Waits };
enum class ProfileScope : std::uint8_t { All, Task, Group, Worker };

struct ProfileQuestion {
  ProfileOf of = ProfileOf::Cpu;
  ProfileScope scope = ProfileScope::All;
  std::uint32_t index = 0;  // of the task, group or worker
  TimeRange range;

  friend bool operator==(const ProfileQuestion&, const ProfileQuestion&) = default;
};

// Weights are samples (Cpu) or nanoseconds (Waits).
struct ProfiledFunction {
  std::uint32_t function = 0;
  std::uint32_t line = 0;  // where it was seen most itself; 0: never, or not known
  std::int64_t self = 0;
  std::int64_t total = 0;  // and in what it called; a function that calls itself counts once
};

struct ProfileNode {
  static constexpr std::uint32_t kRoot = 0xffff'ffff;

  std::uint32_t function = kRoot;
  std::uint32_t parent = 0;
  std::uint32_t depth = 0;  // of the root 0
  std::uint32_t next = 0;   // the first node that is not below this one
  std::int64_t before = 0;  // weight of all that is at its left
  std::int64_t self = 0;
  std::int64_t total = 0;
};

struct CallProfile {
  ProfileOf of = ProfileOf::Cpu;
  std::int64_t whole = 0;                   // weight of what has a stack
  std::int64_t without = 0;                 // and of what has none
  std::vector<ProfiledFunction> functions;  // most seen themselves first
  // The first is the root, each is followed by what it called, the heaviest first.
  std::vector<ProfileNode> nodes;
  std::uint32_t depth_max = 0;
};
using CallProfilePtr = std::shared_ptr<const CallProfile>;  // shared: drawn while it is replaced

// Returns early once `stop` is set.
CallProfile call_profile(const TraceSession& session, const ProfileQuestion& question,
                         const std::atomic<bool>& stop);

// The node that these functions lead to from the root; the last one that is there.
std::uint32_t find_node(const CallProfile& profile, std::span<const std::uint32_t> path);
// The functions that lead to a node.
std::vector<std::uint32_t> path_to(const CallProfile& profile, std::uint32_t node);

// The name says what was typed, in letters of any size. False if nothing was typed.
bool name_matches(const std::string& name, const std::string& typed);
// The weight of all stacks that such a function is in.
std::int64_t weight_of_matches(const CallProfile& profile, const store::StackTable& stacks,
                               const std::string& typed);

}  // namespace taskscope::viewer
