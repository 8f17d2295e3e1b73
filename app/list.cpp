// `taskscope list`: the running programs that can be attached to.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>

#include "app/commands.h"
#include "app/json.h"
#include "app/terminal.h"
#include "recorder/ingest/programs.h"
#include "runtime/base/clock.h"
#include "viewer/analysis/duration_text.h"

namespace taskscope::app {
namespace {

constexpr int kPatienceMs = 500;

struct Options {
  bool json = false;
};

Json to_json(const ingest::RunningProgram& program, std::int64_t age_ns) {
  Json json{{"pid", program.pid}, {"program", program.program}, {"age_ns", age_ns}};
  json["tasks"] = program.answers ? Json(program.tasks) : Json();
  json["workers"] = program.answers ? Json(program.workers) : Json();
  json["recording"] = program.answers ? Json(program.recorder_pid != 0) : Json();
  json["recorder_pid"] = program.recorder_pid != 0 ? Json(program.recorder_pid) : Json();
  json["problem"] = program.answers ? Json() : Json(program.why);
  return json;
}

std::string recording_text(const ingest::RunningProgram& program) {
  if (!program.answers) return program.why;
  if (program.recorder_pid == 0) return "no";
  return fmt::format("by process {}", program.recorder_pid);
}

int run_list(const Options& options) {
  const auto programs = ingest::find_programs(kPatienceMs);
  const std::int64_t now_ns = base::realtime_ns();
  Table table({{"PID", true}, {"PROGRAM"}, {"AGE", true}, {"TASKS", true}, {"RECORDED"}});
  Json json = Json::array();
  for (const ingest::RunningProgram& program : programs) {
    const std::int64_t age_ns = std::max<std::int64_t>(now_ns - program.started_ns, 0);
    json.push_back(to_json(program, age_ns));
    table.add({std::to_string(program.pid), program.program, analysis::duration_text(age_ns),
               program.answers ? analysis::count_text(program.tasks) : "?",
               recording_text(program)});
  }
  if (options.json) {
    print_out(json_text(json));
  } else if (table.empty()) {
    print_status("No program that runs can be attached to.\n");
  } else {
    print_out(table.text(stdout_palette()));
  }
  return kExitFine;
}

}  // namespace

void add_list(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("list", "The running programs that can be attached to");
  command->add_flag("--json", options->json, "Print a JSON array");
  command->footer(
      "Every program with the Taskscope runtime in it can be attached to while its ts::run lasts,\n"
      "by its own user, unless TASKSCOPE_ATTACH=0 is in its environment.");
  command->callback([options, &exit_code] { exit_code = run_list(*options); });
}

}  // namespace taskscope::app
