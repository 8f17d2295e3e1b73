#include "viewer/analysis/leaks.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "viewer/analysis/duration_text.h"

namespace taskscope::analysis {
namespace {

using store::FindingRow;
using store::LeakKind;
using store::LeakRow;
using store::Span;

constexpr std::size_t kNamedMax = 8;  // tasks of a circle that are named

// Tasks that wait for each other, or for nobody in the same way.
struct Group {
  std::vector<const LeakRow*> members;
  std::vector<const LeakRow*> victims;
};

// Alike: program, kind, proved; then the group, or where those that wait for nobody were started
// and wait.
using Key = std::tuple<store::ProgramId, LeakKind, bool, std::uint64_t, store::SiteId,
                       store::SiteId, store::BlockReason>;

class LeakFinder {
 public:
  explicit LeakFinder(const LeakInput& input) : in_(input) {
    for (const Span& span : in_.open_spans) spans_.emplace(span.task_id, &span);
    for (const store::TaskRow& task : in_.tasks) {
      tasks_.emplace(task.id, &task);
      const bool is_main = store::own_id(task.id) == 1;
      if (is_main && task.ended_ns) main_ended_.insert(store::program_of(task.id));
    }
  }

  LeakFindings run() {
    std::map<Key, Group> groups;
    for (std::size_t at = 0; at < in_.leaks.size();) {
      std::size_t end = at;
      while (end < in_.leaks.size() && same_group(in_.leaks[at], in_.leaks[end])) ++end;
      add_group(at, end, groups);
      at = end;
    }
    for (const auto& [key, group] : groups) {
      if (!group.members.empty()) found_.rows.push_back(describe(group));
    }
    return std::move(found_);
  }

 private:
  static bool same_group(const LeakRow& a, const LeakRow& b) {
    return a.group_id == b.group_id && store::program_of(a.task_id) == store::program_of(b.task_id);
  }

  // It was waiting then, and still is, or the program has ended its wait for that.
  bool holds(const LeakRow& row) const {
    if (row.unwound) return true;
    const auto span = spans_.find(row.task_id);
    return span != spans_.end() && span->second->state == store::TaskState::Blocked &&
           span->second->start_ns == row.since_ns;
  }
  std::int64_t end_ns(const LeakRow& row) const {
    return row.unwound ? row.ns : spans_.at(row.task_id)->end_ns;
  }
  bool has_deadlock(store::ProgramId program) const {
    return std::any_of(in_.deadlocks.begin(), in_.deadlocks.end(),
                       [&](const store::EventRow& row) { return row.program_id == program; });
  }
  bool is_meant_to_stay(const LeakRow& row) const {
    const auto task = tasks_.find(row.task_id);
    return row.kind == LeakKind::Leaked && task != tasks_.end() &&
           std::binary_search(in_.daemon_sets.begin(), in_.daemon_sets.end(),
                              task->second->label_set_id);
  }

  // In a circle all must hold; of others those that do.
  void add_group(std::size_t at, std::size_t end, std::map<Key, Group>& groups) {
    const store::ProgramId program = store::program_of(in_.leaks[at].task_id);
    if (has_deadlock(program)) return;
    const bool circle = in_.leaks[at].kind != LeakKind::Leaked;
    for (std::size_t i = at; circle && i < end; ++i) {
      if (!in_.leaks[i].is_victim && !holds(in_.leaks[i])) return;
    }
    Group* last = nullptr;
    for (std::size_t i = at; i < end; ++i) {
      const LeakRow& row = in_.leaks[i];
      if (!holds(row) || is_meant_to_stay(row)) continue;
      found_.explained.insert(row.task_id);
      if (circle) found_.locks.insert(row.object_id);
      if (row.is_victim) {
        if (last != nullptr) last->victims.push_back(&row);
        continue;
      }
      last = &groups[circle ? Key{program, row.kind, row.proved, row.group_id, 0, 0, {}}
                            : Key{program, row.kind, row.proved, 0,
                                  in_.facts.spawn_site(row.task_id), row.site_id, row.reason}];
      last->members.push_back(&row);
    }
  }

  FindingRow describe(const Group& group) const {
    const LeakRow& first = *group.members.front();
    FindingRow row;
    row.kind = first.kind == LeakKind::Leaked ? "leak" : to_text(first.kind);
    row.tier = first.proved ? "proved" : "suspected";
    row.task_id = first.task_id;
    row.object_id = first.object_id;
    row.spawn_site_id = in_.facts.spawn_site(first.task_id);
    row.wait_site_id = first.site_id;
    row.count = group.members.size();
    const bool few = row.count < static_cast<std::uint64_t>(in_.limits.severe_group);
    row.severity = first.kind == LeakKind::Leaked && few ? "warning" : "severe";
    row.first_ns = first.since_ns;
    for (const LeakRow* member : group.members) {
      row.first_ns = std::min(row.first_ns, member->since_ns);
      row.last_ns = std::max(row.last_ns, end_ns(*member));
    }
    row.summary = in_.facts.program_prefix(store::program_of(first.task_id)) + summary(group, row);
    row.detail = detail(group);
    add_tasks(group.members, row);
    add_tasks(group.victims, row);
    return row;
  }

  static void add_tasks(const std::vector<const LeakRow*>& leaks, FindingRow& row) {
    for (const LeakRow* leak : leaks) {
      if (row.task_ids.size() == FindingRow::kTasksMax) return;
      row.task_ids.push_back(leak->task_id);
      if (leak->holder_id != 0) row.holders.push_back({leak->task_id, leak->holder_id});
    }
  }

  std::string summary(const Group& group, const FindingRow& row) const {
    const LeakRow& first = *group.members.front();
    const Report& report = in_.facts.report();
    switch (first.kind) {
      case LeakKind::SelfLock:
        return fmt::format(
            "{} waits at {} for {} that it has already.", in_.facts.task_and_origin(first.task_id),
            report.short_place(first.site_id), in_.facts.object_label(first.object_id));
      case LeakKind::AbandonedLock:
        return fmt::format(
            "{} waits at {} for {}, which {} had when it ended.",
            in_.facts.task_and_origin(first.task_id), report.short_place(first.site_id),
            in_.facts.object_label(first.object_id), in_.facts.task_label(first.holder_id));
      case LeakKind::LockCycle:
        return fmt::format("{} wait in a circle for locks that the others have: {}.",
                           plural(row.count, "task"), circle(group));
      case LeakKind::Leaked:
        break;
    }
    return fmt::format("{} started at {} {} still blocked in {} at {} {} {}.",
                       plural(row.count, "task"), report.short_place(row.spawn_site_id),
                       row.count == 1 ? "was" : "were", to_text(first.reason),
                       report.short_place(first.site_id),
                       first.unwound ? "and nothing was left that could have woken"
                       : main_ended_.contains(store::program_of(first.task_id))
                           ? "when the program ended, and nothing was left that could have woken"
                           : "when the recording ended, and nothing was left that could have woken",
                       row.count == 1 ? "it" : "them");
  }

  std::string circle(const Group& group) const {
    std::string text;
    for (std::size_t i = 0; i < std::min(group.members.size(), kNamedMax); ++i) {
      const LeakRow& member = *group.members[i];
      text += fmt::format("{}{} in {} at {} for {}", i == 0 ? "" : "; ",
                          in_.facts.task_label(member.task_id), to_text(member.reason),
                          in_.facts.report().short_place(member.site_id),
                          in_.facts.object_label(member.object_id));
      if (member.holder_id != 0) {
        text += fmt::format(", which {} has", in_.facts.task_label(member.holder_id));
      }
    }
    return group.members.size() > kNamedMax ? text + "; and more" : text;
  }

  std::string detail(const Group& group) const {
    const LeakRow& first = *group.members.front();
    std::string text;
    switch (first.kind) {
      case LeakKind::SelfLock:
        text = "Split the function: one that locks, and one that expects the lock to be held.";
        break;
      case LeakKind::AbandonedLock:
        text = "Take the lock by a guard (std::scoped_lock), which gives it back on every way out.";
        break;
      case LeakKind::LockCycle:
        text = "Take the locks in the same order everywhere, or together by std::scoped_lock.";
        break;
      case LeakKind::Leaked:
        text = first.object_id == 0
                   ? std::string("What it waits for can never come.")
                   : fmt::format("Nobody was left who could get at {}: {}.",
                                 in_.facts.object_label(first.object_id), last_user(first));
        break;
    }
    if (!first.proved) {
      text +=
          " It is proved where a guard in a block has taken the lock: another one may be given "
          "back by any task.";
    }
    if (!group.victims.empty()) {
      text += fmt::format(" {} more {} for {}.", count_text(group.victims.size()),
                          group.victims.size() == 1 ? "waits" : "wait",
                          group.members.size() == 1 ? "it" : "these");
    }
    std::uint64_t bytes = 0;
    for (const LeakRow* member : group.members) bytes += member->held_bytes;
    for (const LeakRow* victim : group.victims) bytes += victim->held_bytes;
    const bool one = group.members.size() + group.victims.size() == 1;
    if (first.unwound) {
      text += fmt::format(
          " {} ended by ts::Unwinding (TASKSCOPE_LEAKS=unwind), which gave back {}"
          " of stack.",
          one ? "It was" : "They were", bytes_text(bytes));
    } else if (bytes > 0) {
      text += fmt::format(" {} {} of stack.", one ? "It keeps" : "They keep", bytes_text(bytes));
    }
    return text;
  }

  // "task 4 "request" gave up its last other handle at main.cpp:12 (ask), 3 ms after the wait
  // began"
  std::string last_user(const LeakRow& leak) const {
    if (!leak.dropped_ns) return "look for the path on which its last user gave it up";
    const std::int64_t after = *leak.dropped_ns - leak.since_ns;
    std::string place = leak.dropped_at.empty() ? "" : " at " + short_place_of(leak.dropped_at);
    if (!leak.dropped_in.empty()) place += " (" + leak.dropped_in + ')';
    return fmt::format("{} gave up the last other handle{}, {} {} the wait began",
                       leak.dropped_by == 0 ? "a thread" : in_.facts.task_label(leak.dropped_by),
                       place, duration_text(std::abs(after)), after < 0 ? "before" : "after");
  }

  const LeakInput& in_;
  std::unordered_map<store::TaskId, const Span*> spans_;
  std::unordered_map<store::TaskId, const store::TaskRow*> tasks_;
  std::unordered_set<store::ProgramId> main_ended_;
  LeakFindings found_;
};

}  // namespace

LeakFindings find_leaks(const LeakInput& input) { return LeakFinder(input).run(); }

}  // namespace taskscope::analysis
