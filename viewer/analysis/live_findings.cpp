#include "viewer/analysis/live_findings.h"

#include <fmt/format.h>

#include "viewer/analysis/duration_text.h"

namespace taskscope::analysis {
namespace {

bool is_lock(store::BlockReason reason) {
  return reason == store::BlockReason::Mutex || reason == store::BlockReason::RwMutexRead ||
         reason == store::BlockReason::RwMutexWrite;
}

// Waiting for another task, not for time or the world outside.
bool waits_for_tasks(store::BlockReason reason) {
  const auto of = trace_format::reason_class(reason);
  return of == trace_format::ReasonClass::Channel || of == trace_format::ReasonClass::Lock;
}

}  // namespace

std::string LiveFindings::look(const std::vector<store::WaitingGroup>& groups,
                               const std::vector<std::string>& programs) {
  found_.clear();
  std::map<Key, Growth> growth;
  std::string found;
  for (const store::WaitingGroup& group : groups) {
    const std::string where = programs.size() > 1 && group.program_id <= programs.size()
                                  ? " in " + programs[group.program_id - 1]
                                  : "";
    if (is_lock(group.reason) && group.longest_ns >= limits_.stuck_wait) {
      found = fmt::format("a finding: a task{} has been waiting for a lock ({}) for {}", where,
                          to_text(group.reason), duration_text(group.longest_ns));
      found_.push_back({LiveFinding::Kind::HeldLock, group});
    }
    if (!waits_for_tasks(group.reason)) continue;
    const Key key{group.program_id, group.spawn_site_id, group.wait_site_id, group.reason};
    const auto before = growth_.find(key);
    Growth now{.first = group.tasks, .last = group.tasks, .looks = 1};
    if (before != growth_.end() && group.tasks >= before->second.last) {
      now.first = before->second.first;
      now.looks = before->second.looks + 1;
    }
    growth.emplace(key, now);
    if (group.tasks >= static_cast<std::uint64_t>(limits_.stuck_group) &&
        now.looks >= kGrowingLooks && now.last > now.first) {
      found = fmt::format("a finding: {} tasks{} wait at one place ({}), and get more",
                          count_text(group.tasks), where, to_text(group.reason));
      found_.push_back({LiveFinding::Kind::Growing, group});
    }
  }
  growth_ = std::move(growth);
  return found;
}

store::FindingRow to_row(const LiveFinding& found, const std::string& wait_place) {
  const store::WaitingGroup& group = found.group;
  store::FindingRow row;
  row.kind = "leak";
  row.tier = "suspected";
  row.severity = "severe";
  row.spawn_site_id = group.spawn_site_id;
  row.wait_site_id = group.wait_site_id;
  row.count = group.tasks;
  if (found.kind == LiveFinding::Kind::HeldLock) {
    row.summary =
        fmt::format("{} for a lock ({}) at {} that nobody has given back for {}.",
                    group.tasks == 1 ? "A task waits" : count_text(group.tasks) + " tasks wait",
                    to_text(group.reason), wait_place, duration_text(group.longest_ns));
    row.detail = "Look for who has the lock: it waits itself, or went away without unlocking.";
  } else {
    row.summary = fmt::format("{} tasks wait in {} at {}, and they get more.",
                              count_text(group.tasks), to_text(group.reason), wait_place);
    row.detail = "Look for the path on which nobody wakes them any more.";
  }
  return row;
}

}  // namespace taskscope::analysis
