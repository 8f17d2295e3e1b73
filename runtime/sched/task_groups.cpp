#include "runtime/sched/task_groups.h"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

#include "runtime/base/clock.h"
#include "runtime/debug/stack_walker.h"
#include "runtime/debug/task_dump.h"
#include "runtime/sched/describe_wait.h"
#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_info.h"
#include "runtime/sched/task_texts.h"

namespace taskscope::sched {
namespace {

// What makes tasks members of one group: the bytes of state, reason and calls.
std::string key_of(TaskState state, BlockReason reason, const debug::CapturedStack& calls) {
  std::string key{static_cast<char>(state), static_cast<char>(reason)};
  const auto append = [&key](std::uintptr_t value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    key.append(bytes, sizeof bytes);
  };
  append(calls.count);
  for (std::size_t i = 0; i < calls.first_count(); ++i) append(calls.first[i]);
  for (std::size_t i = 0; i < calls.last_count(); ++i) append(calls.last_at(i));
  return key;
}

struct Member {
  TaskId id;
  const Task* task;
};

struct Group {
  std::vector<Member> members;
  debug::CapturedStack calls;
  bool answered = true;  // else its thread is not known to be anywhere
  TaskId lowest() const { return members.front().id; }
};

class Grouping {
 public:
  Grouping(const Scheduler& scheduler, const std::vector<const HaltNote*>& notes,
           const TaskSelection& selection)
      : scheduler_(scheduler), selection_(selection) {
    for (const HaltNote* note : notes) {
      const stack::StackId stack = scheduler.stacks().find(note->stack_pointer);
      if (stack != stack::kNoStack) notes_[stack] = note;
    }
  }

  // Largest first.
  std::vector<Group> all() {
    scheduler_.tasks().for_each_live([this](const Task& task) {
      if (selection_.has(task)) add(task);
    });
    std::vector<Group> groups;
    for (auto& [key, group] : groups_) groups.push_back(std::move(group));
    for (Group& group : groups) {
      const std::size_t shown = std::min(group.members.size(), debug::kDumpTasksMax);
      std::partial_sort(
          group.members.begin(), group.members.begin() + static_cast<std::ptrdiff_t>(shown),
          group.members.end(), [](const Member& a, const Member& b) { return a.id < b.id; });
    }
    std::sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) {
      return a.members.size() != b.members.size() ? a.members.size() > b.members.size()
                                                  : a.lowest() < b.lowest();
    });
    return groups;
  }

 private:
  void add(const Task& task) {
    const TaskState state = task.state.load(std::memory_order_relaxed);
    const BlockReason reason = state == TaskState::Blocked ? task.wait.reason : BlockReason::None;
    bool answered = true;
    const debug::CapturedStack calls = calls_of(task, state, answered);
    Group& group = groups_[key_of(state, reason, calls)];
    if (group.members.empty()) {
      group.calls = calls;
      group.answered = answered;
    }
    group.members.push_back({task.id, &task});
  }

  // A thread that was held on a task's stack knows best, whatever the task's state says: it may
  // have been just about to leave it.
  debug::CapturedStack calls_of(const Task& task, TaskState state, bool& answered) {
    const stack::StackId stack = task.stack.id();
    if (stack == stack::kNoStack) return {};
    const auto note = notes_.find(stack);
    if (note != notes_.end()) return note->second->calls;
    answered = state != TaskState::Running && state != TaskState::InCall;
    if (!answered) return {};
    const stack::Extent extent = scheduler_.stacks().extent(stack);
    return walker_.walk({.instruction = stack::Context::resumes_at(),
                         .pointer = reinterpret_cast<std::uintptr_t>(task.context.left_at()),
                         .end = reinterpret_cast<std::uintptr_t>(extent.low) + extent.bytes});
  }

  const Scheduler& scheduler_;
  const TaskSelection selection_;
  debug::StackWalker walker_;
  std::unordered_map<stack::StackId, const HaltNote*> notes_;
  std::unordered_map<std::string, Group> groups_;
};

std::string_view state_text(const Task& task) {
  switch (task.state.load(std::memory_order_relaxed)) {
    case TaskState::Running:
      return "running";
    case TaskState::InCall:
      return "syscall";
    case TaskState::Blocked:
      return trace_format::to_text(task.wait.reason);
    case TaskState::Runnable:
    case TaskState::Free:
      break;
  }
  return "runnable";
}

std::vector<debug::TaskGroup::Origin> origins_of(const Group& group) {
  std::unordered_map<const SpawnPath*, debug::TaskGroup::Origin> origins;
  for (const Member& member : group.members) {
    auto& origin = origins[member.task->spawn_path];
    if (origin.count == 0) origin.parent = member.task->parent;
    if (origin.parent != member.task->parent) origin.parent = 0;
    origin.site = member.task->spawn_site();
    ++origin.count;
  }
  std::vector<debug::TaskGroup::Origin> sorted;
  for (const auto& [path, origin] : origins) sorted.push_back(origin);
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) {
    return std::pair(b.count, a.site.line) < std::pair(a.count, b.site.line);
  });
  return sorted;
}

// What the group waits for, if it does.
void describe_wait(debug::TaskGroup& shown, const Group& group, const FindTask& find,
                   std::int64_t now_ns) {
  const Task& first = *group.members.front().task;
  if (first.state.load(std::memory_order_relaxed) != TaskState::Blocked) return;
  shown.waits = true;
  bool same_object = true;
  shown.shortest_ns = INT64_MAX;
  for (const Member& member : group.members) {
    const std::int64_t waited = now_ns - member.task->wait_since_ns.load(std::memory_order_relaxed);
    shown.shortest_ns = std::min(shown.shortest_ns, waited);
    shown.longest_ns = std::max(shown.longest_ns, waited);
    same_object &= member.task->wait.object == first.wait.object;
  }
  if (!same_object) return;
  shown.object = name_of(first.wait.object);
  shown.holder = describe_holder(first, find, now_ns);
  if (group.members.size() == 1) shown.arms = describe_arms(first);
}

debug::TaskGroup show(const Group& group, const debug::Symbolizer& symbolizer, const FindTask& find,
                      std::int64_t now_ns) {
  const Task& first = *group.members.front().task;
  debug::TaskGroup shown{.state = state_text(first), .count = group.members.size()};
  for (std::size_t i = 0; i < group.members.size() && i < debug::kDumpTasksMax; ++i) {
    const Task& task = *group.members[i].task;
    shown.first.push_back(i == 0 ? task_info(task, find) : task_info(task));
  }
  if (group.calls.count > 0) {
    shown.stack = debug::readable_stack(group.calls, symbolizer);
  } else {
    shown.no_stack = !group.answered      ? "its stack is not known: the thread did not answer"
                     : first.stack.none() ? "has not run yet"
                                          : "its stack cannot be read";
  }
  describe_wait(shown, group, find, now_ns);
  shown.origins = origins_of(group);
  return shown;
}

}  // namespace

bool TaskSelection::has(const Task& task) const {
  if (task.id == except) return false;
  if (mark == nullptr) return true;
  const LabelSet* const labels = labels_of(task);
  if (labels == nullptr || !labels->has(*mark)) return false;
  return std::none_of(labels->marks().begin(), labels->marks().end(),
                      [](const auto& other) { return other->is_settled(); });
}

TaskNumbers count_tasks(const Scheduler& scheduler, const TaskSelection& selection) {
  TaskNumbers numbers;
  scheduler.tasks().for_each_live([&](const Task& task) {
    if (!selection.has(task)) return;
    const TaskState state = task.state.load(std::memory_order_relaxed);
    ++numbers.tasks;
    if (state == TaskState::Runnable || state == TaskState::Running) ++numbers.able_to_run;
  });
  return numbers;
}

std::string dump_text(const Scheduler& scheduler, const std::vector<const HaltNote*>& notes,
                      const TaskSelection& selection, std::string_view headline) {
  const std::int64_t now_ns = base::monotonic_ns();
  const std::vector<Group> groups = Grouping(scheduler, notes, selection).all();
  std::unordered_map<TaskId, const Task*> by_id;
  scheduler.tasks().for_each_live([&](const Task& task) { by_id[task.id] = &task; });
  const FindTask find = [&](TaskId id) {
    const auto found = by_id.find(id);
    return found == by_id.end() ? nullptr : found->second;
  };
  const debug::Symbolizer symbolizer;
  debug::TaskDump dump;
  for (const Group& group : groups) {
    dump.tasks += group.members.size();
    if (dump.groups.size() < debug::kDumpGroupsMax) {
      dump.groups.push_back(show(group, symbolizer, find, now_ns));
    } else {
      ++dump.groups_left_out;
      dump.tasks_left_out += group.members.size();
    }
  }
  return debug::task_dump(headline, dump);
}

}  // namespace taskscope::sched
