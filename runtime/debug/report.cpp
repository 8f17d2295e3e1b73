#include "runtime/debug/report.h"

#include <unistd.h>

#include <algorithm>
#include <climits>
#include <map>
#include <tuple>

namespace taskscope::debug {
namespace {

constexpr std::size_t kGroupsMax = 50;
constexpr std::size_t kIdsMax = 10;  // task ids listed for one group
constexpr std::size_t kArmsMax = 8;  // of a select

std::string shorten(std::string_view path) {
  char directory[PATH_MAX];
  if (getcwd(directory, sizeof directory) == nullptr) return std::string(path);
  const std::string prefix = std::string(directory) + '/';
  if (prefix.size() > 1 && path.starts_with(prefix)) path.remove_prefix(prefix.size());
  return std::string(path);
}

std::string place(std::string_view file, std::uint32_t line) {
  return shorten(file) + ':' + std::to_string(line);
}

void append_frames(std::string& out, const std::vector<Frame>& frames) {
  for (const Frame& frame : frames) {
    out += frame.function + '\n';
    if (!frame.file.empty()) {
      out += '\t' + place(frame.file, static_cast<std::uint32_t>(frame.line)) + '\n';
    }
  }
}

// The main task's name says nothing more.
std::string format_ancestor(const Ancestor& ancestor) {
  std::string out = "task " + std::to_string(ancestor.id);
  if (!ancestor.name.empty() && ancestor.id != 1) out += " \"" + ancestor.name + '"';
  return out;
}

struct Group {
  std::vector<const BlockedTask*> tasks;  // lowest id first
  std::int64_t longest_ns = 0;
};

std::vector<Group> group_tasks(const std::vector<BlockedTask>& tasks) {
  using Key = std::tuple<std::string_view, std::uint32_t, std::string_view, std::uint32_t,
                         std::string_view, std::string_view>;
  std::map<Key, Group> groups;
  const auto file = [](const base::Site& site) {
    return site.file == nullptr ? std::string_view() : std::string_view(site.file);
  };
  for (const BlockedTask& task : tasks) {
    Group& group = groups[{file(task.task.spawn_site), task.task.spawn_site.line,
                           file(task.wait_site), task.wait_site.line, task.reason, task.holder}];
    group.tasks.push_back(&task);
    group.longest_ns = std::max(group.longest_ns, task.waited_ns);
  }
  std::vector<Group> result;
  for (auto& [key, group] : groups) {
    std::sort(group.tasks.begin(), group.tasks.end(),
              [](const auto* a, const auto* b) { return a->task.id < b->task.id; });
    result.push_back(std::move(group));
  }
  std::sort(result.begin(), result.end(), [](const Group& a, const Group& b) {
    return a.tasks.front()->task.id < b.tasks.front()->task.id;
  });
  return result;
}

void append_group(std::string& out, const Group& group) {
  const BlockedTask& first = *group.tasks.front();
  if (group.tasks.size() == 1) {
    out += format_task(first.task);
  } else {
    out += std::to_string(group.tasks.size()) + " tasks";
  }
  out += " [" + std::string(first.reason);
  const std::int64_t seconds = group.longest_ns / 1'000'000'000;
  if (seconds > 0) out += ", " + std::to_string(seconds) + " s";
  out += "]:\n";
  if (group.tasks.size() > 1) {
    out += '\t';
    for (std::size_t i = 0; i < group.tasks.size() && i < kIdsMax; ++i) {
      out += (i == 0 ? "" : ", ") + format_task(group.tasks[i]->task);
    }
    out += group.tasks.size() > kIdsMax ? ", …\n" : "\n";
  }
  out += "\twaits at " + format_site(first.wait_site);
  if (!first.object.empty()) out += " for \"" + first.object + '"';
  out += '\n';
  append_arms(out, first.arms);
  if (!first.holder.empty()) out += '\t' + first.holder + '\n';
  append_spawned(out, first.task);
}

}  // namespace

std::string format_site(const base::Site& site) {
  if (site.file == nullptr) return "an unknown place";
  std::string out = place(site.file, site.line);
  // What the compiler calls a lambda says nothing.
  const std::string_view function = site.function == nullptr ? "" : site.function;
  if (!function.empty() && function != "operator()") out += " (" + std::string(function) + ')';
  return out;
}

std::string format_task(const TaskInfo& task) {
  std::string out = "task " + std::to_string(task.id);
  if (!task.name.empty()) out += " \"" + task.name + '"';
  if (!task.labels.empty()) out += " {" + task.labels + '}';
  return out;
}

std::string with_thousands(std::size_t number) {
  std::string out = std::to_string(number);
  for (std::size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, ",");
  return out;
}

void append_spawned(std::string& out, const TaskInfo& task) {
  if (task.spawn_site.file == nullptr) return;
  const auto append = [&](const base::Site& site, const Ancestor* by) {
    out += format_site(site);
    if (by != nullptr && by->id != 0) out += " by " + format_ancestor(*by);
    out += '\n';
  };
  const auto spawned_by = [&](std::size_t i) {
    return i < task.ancestors.size() ? &task.ancestors[i] : nullptr;
  };
  out += task.id == 1 ? "started at " : "spawned at ";
  const Ancestor parent{.id = task.parent, .name = {}, .spawn_site = {}};
  append(task.spawn_site, task.ancestors.empty() ? &parent : spawned_by(0));
  for (std::size_t i = 0; i < task.ancestors.size() && task.ancestors[i].id != 1; ++i) {
    out += "which was spawned at ";
    append(task.ancestors[i].spawn_site, spawned_by(i + 1));
  }
  if (task.more_ancestors > 0) {
    out += "… " + with_thousands(task.more_ancestors) + " generations before\n";
  }
}

void append_arms(std::string& out, const std::vector<BlockedTask::Arm>& arms) {
  for (std::size_t i = 0; i < arms.size() && i < kArmsMax; ++i) {
    const BlockedTask::Arm& arm = arms[i];
    out += "\t\t" + std::string(arm.operation) + ' ';
    out += arm.object.empty() ? std::string(arm.kind) + " made at " + format_site(arm.made_at)
                              : '"' + arm.object + '"';
    out += '\n';
  }
  if (arms.size() > kArmsMax) {
    out += "\t\t… and " + std::to_string(arms.size() - kArmsMax) + " more\n";
  }
}

std::string stack_lines(const ReadableStack& stack) {
  std::string out;
  append_frames(out, stack.first);
  if (stack.left_out > 0) {
    out += "… ";
    if (stack.cut) out += "more than ";
    out += with_thousands(stack.left_out) + " frames more\n";
  }
  append_frames(out, stack.last);
  return out;
}

std::string format_origin(const TaskInfo& task) {
  std::string out =
      "thrown in " + format_task(task) + ", spawned at " + format_site(task.spawn_site);
  if (task.parent != 0) out += " by task " + std::to_string(task.parent);
  return out;
}

std::string running_report(std::string_view headline, const TaskInfo* task,
                           const ReadableStack& stack) {
  std::string out(headline);
  out += "\n\n";
  out += task == nullptr ? "a thread that is no task's" : format_task(*task);
  out += " [running]:\n";
  out += stack_lines(stack);
  if (task != nullptr) append_spawned(out, *task);
  return out;
}

std::string deadlock_report(const std::vector<BlockedTask>& tasks) {
  std::string out = "fatal error: all tasks are asleep - deadlock!\n";
  const std::vector<Group> groups = group_tasks(tasks);
  for (std::size_t i = 0; i < groups.size() && i < kGroupsMax; ++i) {
    out += '\n';
    append_group(out, groups[i]);
  }
  if (groups.size() > kGroupsMax) {
    std::size_t rest = 0;
    for (std::size_t i = kGroupsMax; i < groups.size(); ++i) rest += groups[i].tasks.size();
    out += "\n… and " + std::to_string(rest) + " more tasks at " +
           std::to_string(groups.size() - kGroupsMax) + " other places.\n";
  }
  return out;
}

}  // namespace taskscope::debug
