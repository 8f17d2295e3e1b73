#include "runtime/sched/task_info.h"

#include <algorithm>
#include <string>

#include "runtime/sched/task_texts.h"

namespace taskscope::sched {
namespace {

// "handler=/index, user=7"
std::string labels_text(const LabelSet* labels) {
  std::string text;
  if (labels == nullptr) return text;
  for (const std::string& label : labels->texts()) {
    const std::size_t tab = label.find('\t');
    text += (text.empty() ? "" : ", ") + label.substr(0, tab) + "=";
    if (tab != std::string::npos) text += label.substr(tab + 1);
  }
  return text;
}

}  // namespace

debug::TaskInfo task_info(const Task& task) {
  debug::TaskInfo info{.id = task.id,
                       .name = task.name == nullptr ? "" : task.name,
                       .labels = labels_text(labels_of(task)),
                       .parent = task.parent,
                       .spawn_site = task.spawn_site()};
  const SpawnPath* path = task.spawn_path->parent;
  for (; path != nullptr && path->length > 0; path = path->parent) {
    const TaskId id = path->is_main ? 1 : 0;
    info.ancestors.push_back({.id = id, .name = {}, .spawn_site = path->site});
  }
  if (!info.ancestors.empty()) info.ancestors.front().id = task.parent;
  info.more_ancestors =
      task.generation + 1 - std::min(task.generation + 1, task.spawn_path->length);
  return info;
}

debug::TaskInfo task_info(const Task& task, const FindTask& find) {
  debug::TaskInfo info = task_info(task);
  TaskId id = task.parent;
  for (debug::Ancestor& ancestor : info.ancestors) {
    ancestor.id = id;
    const Task* const found = find(id);
    if (found == nullptr) break;
    if (found->name != nullptr) ancestor.name = found->name;
    id = found->parent;
  }
  return info;
}

}  // namespace taskscope::sched
