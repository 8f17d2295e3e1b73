// What led to a span and what it led to: who woke whom and who started whom, a few hops in both
// directions. Pure functions, usable from any thread; they look at a few spans.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "viewer/model/session.h"

namespace taskscope::viewer {

enum class ArrowKind : std::uint8_t { Wake, Spawn };

struct CausalArrow {
  ArrowKind kind = ArrowKind::Wake;
  TaskIndex from = kNoTask;
  TaskIndex to = kNoTask;
  std::int64_t ns = 0;
  std::uint8_t hop = 1;  // 1: of the span itself

  friend bool operator==(const CausalArrow&, const CausalArrow&) = default;
};

inline constexpr std::size_t kArrowHops = 2;

// First backwards: who ended the wait `span`, or the last one before it, and how that one came to
// run. Then forwards: whose wait it ended first, and whose that one ended in turn.
std::vector<CausalArrow> causal_arrows(const TraceSession& session, SpanIndex span);
// Who started the task; nothing if that is not known.
std::vector<CausalArrow> spawn_arrow(const TraceSession& session, TaskIndex task);

}  // namespace taskscope::viewer
