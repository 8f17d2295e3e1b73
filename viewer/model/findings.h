// What is wrong with the program, as the window shows it: the findings of viewer/analysis with the
// tasks that they are about and when, to be looked up by task. Never changes once it is made;
// usable from any thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "viewer/model/session.h"

namespace taskscope::viewer {

enum class FindingWeight : std::uint8_t { Info, Warning, Severe };

struct ShownFinding {
  store::FindingRow row;
  std::string title;       // "Lock convoy"
  std::string_view group;  // as `--fail-on` knows it; "" of a kind that is not known
  FindingWeight weight = FindingWeight::Warning;
  bool proved = false;
  TimeRange when;                // within the recording; of no length: an instant
  TimeRange whole;               // the same, with the waits of those that are stuck
  std::vector<TaskIndex> tasks;  // that the session has, the example first
};

// When a finding is about a task.
struct TaskEvidence {
  TaskIndex task = kNoTask;
  std::uint32_t finding = 0;  // into the list
  TimeRange when;
};

class FindingList {
 public:
  FindingList() = default;
  // Of this session; rows in their order, worst first. Looks at every task, and for findings about
  // objects at every span: not for the UI thread. Returns early once `stop` is set.
  FindingList(const TraceSession& session, std::vector<store::FindingRow> rows,
              const std::atomic<bool>& stop);
  FindingList(const FindingList&) = delete;
  FindingList& operator=(const FindingList&) = delete;

  // Of the session: every TaskIndex in here is less.
  std::size_t task_count() const { return task_count_; }
  std::size_t size() const { return findings_.size(); }
  bool empty() const { return findings_.empty(); }
  const ShownFinding& operator[](std::size_t at) const { return findings_[at]; }
  auto begin() const { return findings_.begin(); }
  auto end() const { return findings_.end(); }

  // Worst first.
  std::span<const TaskEvidence> of_task(TaskIndex task) const;
  // By task, and the worst first of each.
  const std::vector<TaskEvidence>& evidence() const { return evidence_; }
  // Who has the lock that the task waits for at the end, where a finding proves it; kNoTask: none.
  TaskIndex holder_of(TaskIndex task) const;
  // The one of another list that says the same here, with other numbers perhaps.
  std::optional<std::size_t> find_same(const store::FindingRow& row) const;

 private:
  std::vector<ShownFinding> findings_;
  std::vector<TaskEvidence> evidence_;
  std::vector<std::pair<TaskIndex, TaskIndex>> holders_;  // by task
  std::size_t task_count_ = 0;
};
using FindingListPtr = std::shared_ptr<const FindingList>;  // shared: drawn while it is replaced

// Is it about this task, which still waits at `wait_site` and has been found to wait for ever?
bool is_stuck_in(const store::FindingRow& row, const Task& task, store::SiteId wait_site);

// "1 proved, 2 severe, 1 suspected": each finding counts once, as the worst that it is.
std::string counts_text(const FindingList& findings);

// What a list can be cut down to: "proved", "severe", or a group. "" is all.
struct FindingFilter {
  std::string word;
  std::size_t count = 0;
};
// All, then those that would leave some out and keep some.
std::vector<FindingFilter> finding_filters(const FindingList& findings);
bool passes(const ShownFinding& finding, std::string_view filter);
// "" and words that finding_filters() could give.
bool is_finding_filter(std::string_view word);

// Everything that is known of it, in lines, for the clipboard.
std::string finding_text(const TraceSession& session, const ShownFinding& finding);
// "1.25 s – 3.40 s (2.15 s)", or the instant.
std::string when_text(const ShownFinding& finding);
// "proved, severe".
std::string tier_text(const ShownFinding& finding);

// "reader 8", "reader 3 (8)": a name alone may be that of many.
std::string numbered_label(const Task& task);

// The stretch of time to look at: what it is about, with something before and after it.
TimeRange finding_view(const ShownFinding& finding, std::int64_t duration_ns);

}  // namespace taskscope::viewer
