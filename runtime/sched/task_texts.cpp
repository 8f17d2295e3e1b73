#include "runtime/sched/task_texts.h"

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include "runtime/base/sanitizer.h"

namespace taskscope::sched {

// A task without a name gets that of its labels.
void TaskTexts::attach(Task& task, const LabelSet* labels) {
  task.name = labels == nullptr
                  ? nullptr
                  : const_cast<char*>(&labels->texts_of_nameless_.no_name);  // never written
}

void TaskTexts::set(Task& task, std::string_view name, const LabelSet* labels) {
  if (labels != nullptr) {
    labels->retain();
    labels->count_task();
  }
  if (name.empty()) return attach(task, labels);
  void* const memory = std::malloc(sizeof(Head) + name.size() + 1);
  if (memory == nullptr) throw std::bad_alloc();
  new (memory) Head{labels};
  task.name = static_cast<char*>(memory) + sizeof(Head);
  std::memcpy(task.name, name.data(), name.size());
  task.name[name.size()] = '\0';
  base::annotate_owned(memory);
}

void TaskTexts::replace_labels(Task& task, const LabelSet* labels) {
  const LabelSet* const before = TaskTexts::labels(task);
  if (labels != nullptr) labels->count_task();
  if (task.name != nullptr && *task.name != '\0') {
    head(task)->labels = labels;
  } else {
    attach(task, labels);
  }
  if (before == nullptr) return;
  before->discount_task();
  before->release();
}

void TaskTexts::free_texts(Task& task) {
  const LabelSet* const labels = TaskTexts::labels(task);
  char* const name = std::exchange(task.name, nullptr);
  if (*name != '\0') std::free(name - sizeof(Head));
  if (labels == nullptr) return;
  labels->discount_task();
  labels->release();
}

}  // namespace taskscope::sched
