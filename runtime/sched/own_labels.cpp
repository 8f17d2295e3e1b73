#include "runtime/sched/own_labels.h"

#include "runtime/sched/scheduler.h"
#include "runtime/sched/task_texts.h"
#include "runtime/sched/thread.h"

namespace taskscope::sched {

const LabelSet* own_labels() {
  const Task* const task = current_task();
  return task == nullptr ? nullptr : labels_of(*task);
}

void replace_own_labels(const LabelSet* labels) {
  Task& task = *current_task();
  Thread& thread = *current_thread();
  const RuntimeSection section(thread);
  if (thread.worker() != nullptr) return TaskTexts::replace_labels(task, labels);
  // The thread that attaches may be telling of it.
  thread.scheduler().tracing().change_outside(
      [&](instrument::Lane*) { TaskTexts::replace_labels(task, labels); });
}

}  // namespace taskscope::sched
