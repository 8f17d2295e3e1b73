// Findings over a finished recording: what probably is, or certainly is, wrong with the program.
//
// A finding is a check, one full sentence about this instance with its numbers and names, and what
// to do about it. Tiers: `proved` is never wrong; `suspected` says what would prove it. Pure
// functions over rows; any thread.
#pragma once

#include <span>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "recorder/store/rows.h"
#include "viewer/analysis/limits.h"
#include "viewer/analysis/report.h"
#include "viewer/analysis/wait_history.h"

namespace taskscope::analysis {

struct FindingInput {
  // By id. Of those that have ended the panicked ones and the main tasks are enough.
  const std::vector<store::TaskRow>& tasks;
  const std::vector<store::Span>& open_spans;     // unfinished spans, one per living task
  const std::vector<store::EventRow>& deadlocks;  // the `deadlock` events: at most one a program
  const std::vector<store::LabelSetId>& daemon_sets;   // of tasks that are meant to stay, ascending
  const std::unordered_set<store::TaskId>& explained;  // by what the program found (leaks.h)
  const WaitHistory& history;
  const Report& report;  // its info and sites are used
};

// What panicked, what waited for ever, and what leaked, in no order and without ids. Each program
// is looked at for itself; where there are several, a summary begins with whose it is. The other
// findings are those of checks (check.h).
std::vector<store::FindingRow> find_endings(const FindingInput& input,
                                            const FindingLimits& limits = {});

// Whether `a` comes before `b`: what is proved, then what is severe, then what happened more often.
bool is_worse(const store::FindingRow& a, const store::FindingRow& b);

// Puts the worst first and numbers them from 1.
void order_findings(std::vector<store::FindingRow>& findings);

// Every kind of finding that there is, and the group that `--fail-on` knows it by, too: "leak",
// "deadlock", "panic", "scheduler", "contention", "pace".
struct FindingKind {
  std::string_view kind;
  std::string_view group;
  std::string_view text;  // what is the matter
};
std::span<const FindingKind> finding_kinds();
// Of a kind; "" if there is none of that name.
std::string_view finding_group(std::string_view kind);
// Its tasks will not get on by themselves; those of other findings do, however slowly.
bool says_stuck(const store::FindingRow& row);

}  // namespace taskscope::analysis
