#include "runtime/sched/task_info.h"

#include <algorithm>
#include <string>

#include "runtime/base/sanitizer.h"
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

// A task that stands still keeps its name, which ThreadSanitizer cannot know of tasks that others
// have stopped.
TASKSCOPE_UNSANITIZED std::string name_of(const Task& task) {
  std::string name;
  for (const char* at = task.name; at != nullptr && *at != '\0'; ++at) name += *at;
  return name;
}

}  // namespace

debug::TaskInfo task_info(const Task& task) {
  debug::TaskInfo info{.id = task.id,
                       .name = name_of(task),
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
    ancestor.name = name_of(*found);
    id = found->parent;
  }
  return info;
}

}  // namespace taskscope::sched
