#include "runtime/debug/task_dump.h"

namespace taskscope::debug {
namespace {

constexpr std::size_t kOriginsMax = 3;

std::string count_of(std::size_t count, std::string_view what) {
  return with_thousands(count) + ' ' + std::string(what) + (count == 1 ? "" : "s");
}

void append_headline(std::string& out, const TaskGroup& group) {
  out += group.count == 1 ? format_task(group.first.front()) : count_of(group.count, "task");
  out += " [" + std::string(group.state);
  const std::int64_t shortest = group.shortest_ns / 1'000'000'000;
  const std::int64_t longest = group.longest_ns / 1'000'000'000;
  if (group.waits && longest > 0) {
    out += ", ";
    if (shortest != longest) out += std::to_string(shortest) + " s to ";
    out += std::to_string(longest) + " s";
  }
  out += "]:\n";
  if (group.count == 1) return;
  out += '\t';
  for (std::size_t i = 0; i < group.first.size(); ++i) {
    out += (i == 0 ? "" : ", ") + format_task(group.first[i]);
  }
  out += group.count > group.first.size() ? ", …\n" : "\n";
}

// Who they are is not the same for all; where they were spawned is.
void forget_ancestors(TaskInfo& task) {
  task.parent = 0;
  for (Ancestor& ancestor : task.ancestors) {
    if (ancestor.id != 1) ancestor = {.id = 0, .name = {}, .spawn_site = ancestor.spawn_site};
  }
}

void append_origins(std::string& out, const TaskGroup& group) {
  if (group.origins.size() == 1) {
    TaskInfo common = group.first.front();
    if (group.origins.front().parent == 0) forget_ancestors(common);
    return append_spawned(out, common);
  }
  for (std::size_t i = 0; i < group.origins.size() && i < kOriginsMax; ++i) {
    const TaskGroup::Origin& origin = group.origins[i];
    out += with_thousands(origin.count) + " spawned at " + format_site(origin.site);
    if (origin.parent != 0) out += " by task " + std::to_string(origin.parent);
    out += '\n';
  }
  if (group.origins.size() > kOriginsMax) {
    out += "the others at " + count_of(group.origins.size() - kOriginsMax, "other place") + '\n';
  }
}

void append_group(std::string& out, const TaskGroup& group) {
  append_headline(out, group);
  out += stack_lines(group.stack);
  if (!group.no_stack.empty()) out += std::string(group.no_stack) + '\n';
  if (!group.object.empty()) out += "waits for \"" + group.object + "\"\n";
  append_arms(out, group.arms);
  if (!group.holder.empty()) out += group.holder + '\n';
  append_origins(out, group);
}

}  // namespace

std::string task_dump(std::string_view headline, const TaskDump& dump) {
  std::string out(headline);
  out += count_of(dump.tasks, "task");
  out += " with " + count_of(dump.groups.size() + dump.groups_left_out, "different stack") + '\n';
  for (const TaskGroup& group : dump.groups) {
    out += '\n';
    append_group(out, group);
  }
  if (dump.groups_left_out > 0) {
    out += "\n… and " + count_of(dump.tasks_left_out, "task") + " with " +
           count_of(dump.groups_left_out, "other stack") + ".\n";
  }
  return out;
}

}  // namespace taskscope::debug
