#include "recorder/store/rows.h"

#include <map>

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

std::string_view to_text(WakerKind kind) {
  switch (kind) {
    case WakerKind::None:
      return "none";
    case WakerKind::Task:
      return "task";
    case WakerKind::Timer:
      return "timer";
    case WakerKind::Network:
      return "network";
    case WakerKind::Process:
      return "process";
    case WakerKind::Thread:
      return "thread";
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

std::vector<std::string> program_names(const std::vector<ProgramRow>& programs) {
  std::vector<std::string> names;
  std::map<std::string, std::size_t> uses;
  for (const ProgramRow& program : programs) {
    names.push_back(program.name.substr(program.name.rfind('/') + 1));
    ++uses[names.back()];
  }
  std::map<std::string, std::size_t> seen;
  for (std::string& name : names) {
    if (uses[name] > 1) name += " " + std::to_string(++seen[name]);
  }
  return names;
}

}  // namespace taskscope::store
