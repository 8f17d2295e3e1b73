#include "recorder/store/rows.h"

#include <charconv>
#include <map>
#include <system_error>

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

std::string_view to_text(StackKind kind) { return kind == StackKind::Call ? "call" : "sample"; }

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

std::string to_text(const Cut& cut) {
  std::string text = std::to_string(cut.until_ns) + ' ' + std::to_string(cut.drops) + ' ' +
                     std::to_string(cut.last_chunk);
  for (const Cut::Part& part : cut.under_way) {
    text += ' ' + std::to_string(part.chunk) + ':' + std::to_string(part.rows);
  }
  return text;
}

std::optional<Cut> parse_cut(std::string_view text) {
  const auto take = [&text](auto& number, char before) {
    if (before != '\0' && (text.empty() || text.front() != before)) return false;
    if (before != '\0') text.remove_prefix(1);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || number < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
  };
  Cut cut;
  if (!take(cut.until_ns, '\0') || !take(cut.drops, ' ') || !take(cut.last_chunk, ' ')) {
    return std::nullopt;
  }
  while (!text.empty()) {
    std::int64_t rows = 0;
    Cut::Part& part = cut.under_way.emplace_back();
    if (!take(part.chunk, ' ') || !take(rows, ':') || rows > UINT32_MAX) return std::nullopt;
    part.rows = static_cast<std::uint32_t>(rows);
  }
  return cut;
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
