// What makes a build fail: which findings count, which are known and accepted.
//
// Pure; any thread. Reading and writing files is the caller's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "recorder/store/rows.h"
#include "runtime/base/result.h"
#include "viewer/analysis/report.h"

namespace taskscope::analysis {

// "leak", "contention:severe", "any:proved": a kind of finding or a group of them, and what it must
// at least be. Fails with what would be right.
struct FailRule {
  std::string kind;  // "any", a kind or a group
  enum class AtLeast : std::uint8_t { Warning, Severe, Proved } at_least = AtLeast::Warning;

  bool matches(const store::FindingRow& row) const;
};
Result<FailRule> parse_fail_rule(std::string_view text);

// A finding that is accepted: "leak server.cpp:42", "any cache.cpp". The kind or group, and a place
// at which it starts, waits or lies: a path's end, with the line or without.
struct Suppression {
  std::string kind;
  std::string place;

  bool matches(const store::FindingRow& row, const Report& report) const;
};
// The lines of a file; empty ones and those that begin with # say nothing.
Result<std::vector<Suppression>> parse_suppressions(std::string_view lines,
                                                    const std::string& path);

// The same finding in another recording, though lines have moved: kind, and the files and functions
// of its places.
std::string fingerprint(const store::FindingRow& row, const Report& report);

// Takes the accepted ones out; returns how many those were.
std::size_t leave_out(Report& report, const std::vector<Suppression>& suppressions,
                      const std::vector<std::string>& known_fingerprints);

}  // namespace taskscope::analysis
