// Who waits for whom at one instant: tasks that wait alike for the same thing are one node, what
// they wait for is the next, and who has it, as far as that is known, the one behind it. Circles
// are found, and everything has a place in a grid of columns, from those who wait to those who are
// waited for.
//
// Pure; not for the UI thread, since it may look at every span. How it is known who has something
// is told as in wait_chain.h.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "viewer/model/findings.h"
#include "viewer/model/wait_chain.h"

namespace taskscope::viewer {

struct WaitForNode {
  enum class Kind : std::uint8_t { Waiting, Object, Doing };
  Kind kind = Kind::Waiting;
  std::string title;             // "12 × handler", "channel replies", "worker 3"
  std::string text;              // "main.cpp:12: chan send", "made at main.cpp:5", "running"
  std::vector<TaskIndex> tasks;  // of tasks, by index; of an object none
  std::optional<std::uint32_t> finding;  // that says that they are stuck: into the list
  bool in_cycle = false;
  std::uint32_t column = 0;
  std::uint32_t row = 0;
};

struct WaitForEdge {
  std::uint32_t from = 0;  // into nodes
  std::uint32_t to = 0;
  HolderKind kind = HolderKind::Unknown;  // of one that leads to who has it
  bool in_cycle = false;
};

struct WaitForGraph {
  std::int64_t ns = 0;
  std::vector<WaitForNode> nodes;  // by column and row
  std::vector<WaitForEdge> edges;
  std::uint32_t columns = 0;
  std::uint32_t rows = 0;    // of the longest column
  std::size_t waiting = 0;   // tasks that wait for others
  std::size_t left_out = 0;  // of these, in groups beyond kGroupsMax
  static constexpr std::size_t kGroupsMax = 40;
};

// REQUIRES: the session is complete or a snapshot. Returns early once `stop` is set.
WaitForGraph wait_for_graph(const TraceSession& session, const FindingList& findings,
                            std::int64_t ns, const std::atomic<bool>& stop);

}  // namespace taskscope::viewer
