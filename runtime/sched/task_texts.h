// A task's name and its labels, which few tasks have, behind the one pointer Task::name.
//
// Null: neither. Else it points to the name, which is empty for a task with labels and without a
// name, and in front of that lies a pointer to the labels, or null. The name is the task's own
// memory; the empty one is part of the labels. So a task that inherits labels and has no name costs
// a reference and no memory.
//
// Called by who owns the task; labels_of() by anybody while the task stands still, or by itself.
#pragma once

#include <string_view>

#include "runtime/sched/label_set.h"
#include "runtime/sched/task.h"

namespace taskscope::sched {

class TaskTexts {
 public:
  // Of a task that is being started. It takes a reference of its own to the labels.
  static void set(Task& task, std::string_view name, const LabelSet* labels);
  // Takes over the caller's reference.
  static void replace_labels(Task& task, const LabelSet* labels);
  // Gives all of it up.
  static void clear(Task& task) {
    if (task.name != nullptr) free_texts(task);
  }

  static const LabelSet* labels(const Task& task) {
    return task.name == nullptr ? nullptr : head(task)->labels;
  }

 private:
  struct Head {
    const LabelSet* labels;
  };

  static Head* head(const Task& task) {
    return reinterpret_cast<Head*>(task.name) - 1;  // NOLINT(performance-no-int-to-ptr)
  }
  static void free_texts(Task& task);
  static void attach(Task& task, const LabelSet* labels);
};

// The labels of a task; null if it has none.
inline const LabelSet* labels_of(const Task& task) { return TaskTexts::labels(task); }

}  // namespace taskscope::sched
