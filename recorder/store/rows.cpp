#include "recorder/store/rows.h"

namespace taskscope::store {

std::string_view to_text(TaskState state) {
  switch (state) {
    case TaskState::Running:
      return "running";
    case TaskState::Runnable:
      return "runnable";
    case TaskState::Blocked:
      return "blocked";
    case TaskState::Syscall:
      return "syscall";
    case TaskState::Sleeping:
      return "sleeping";
    case TaskState::Done:
      return "done";
    case TaskState::Panicked:
      return "panicked";
  }
  return "unknown";
}

std::optional<TaskState> parse_task_state(std::string_view text) {
  for (int i = 0; i <= static_cast<int>(TaskState::Panicked); ++i) {
    const auto state = static_cast<TaskState>(i);
    if (to_text(state) == text) return state;
  }
  return std::nullopt;
}

}  // namespace taskscope::store
