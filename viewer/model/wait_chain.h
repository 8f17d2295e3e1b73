// Whom a wait depends on, step by step: a task waits for an object that another one has, which
// waits for another object in turn, until somebody does something else, nobody is known, or the
// chain bites its tail. Pure; not for the UI thread, since it may look at every span.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "viewer/model/findings.h"

namespace taskscope::viewer {

// How it is known on whom a wait depends.
enum class HolderKind : std::uint8_t {
  Unknown,
  Proved,     // the program found out itself, at a deadlock of locks
  Woke,       // it ended the wait, later
  LastOwner,  // of a lock: whose own wait for it ended last, so that it got it
  LastWaker,  // it ended the last wait for the same object
  Child,      // it was started by who waits, and has not ended
};
std::string_view to_text(HolderKind kind);  // "had by", "ended by", … before its name

struct WaitLink {
  TaskIndex task = kNoTask;
  SpanIndex span = kNoSpan;  // its wait
  std::string what;          // it waits for: "mutex pages", or "chan recv"
  TaskIndex holder = kNoTask;
  HolderKind kind = HolderKind::Unknown;
};

struct WaitChain {
  std::vector<WaitLink> links;       // the first is of the span that was asked about
  std::optional<std::size_t> cycle;  // the last holder is the task of this link
  std::string end;  // else what the last holder does, or why nobody is known; a part of a sentence
};

// REQUIRES: the session is complete or a snapshot. Empty of spans that are no waits. Returns early
// once `stop` is set.
WaitChain wait_chain(const TraceSession& session, const FindingList& findings, SpanIndex span,
                     const std::atomic<bool>& stop);

// Waits for another task, or for what one may do: what there can be a chain of.
bool has_wait_chain(const TraceSession& session, SpanIndex span);

}  // namespace taskscope::viewer
