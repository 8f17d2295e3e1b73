// runtime_bench: one workload on the runtime, measured. `./dev bench` runs it beside Go's program.
#include <cstdio>
#include <optional>

#include <CLI/CLI.hpp>

#include "runtime/taskscope.h"
#include "tests/bench/workloads/drain.h"
#include "tests/bench/workloads/frame.h"

namespace {

using taskscope::bench::Case;

std::vector<Case> all_cases() {
  std::vector<Case> cases = taskscope::bench::scheduler_cases();
  for (const Case& more : taskscope::bench::channel_cases()) cases.push_back(more);
  for (const Case& more : taskscope::bench::net_cases()) cases.push_back(more);
  return cases;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Measures one workload and prints a JSON object for each repetition.");
  std::string name;
  std::uint32_t workers = 1;
  taskscope::bench::Repetitions repetitions;
  bool traced = false;
  app.add_option("--case", name, "what to measure; without it, the cases are listed");
  app.add_option("--workers", workers, "workers of the runtime")->capture_default_str();
  app.add_option("--repetitions", repetitions.kept, "to report")->capture_default_str();
  app.add_option("--warm", repetitions.warm, "not to report, first")->capture_default_str();
  app.add_option("--size", repetitions.size, "instead of the case's own");
  app.add_flag("--traced", traced, "write every event, and have it thrown away");
  CLI11_PARSE(app, argc, argv);

  const std::vector<Case> cases = all_cases();
  const Case* chosen = nullptr;
  for (const Case& each : cases) {
    if (name.empty()) std::printf("%s\n", std::string(each.name).c_str());
    if (each.name == name) chosen = &each;
  }
  if (name.empty()) return 0;
  if (chosen == nullptr) {
    std::fprintf(stderr, "runtime_bench: no case \"%s\"\n", name.c_str());
    return 2;
  }
  std::optional<taskscope::bench::Drain> drain;
  if (traced) drain.emplace();
  return ts::run([&] { taskscope::bench::measure(*chosen, repetitions); }, {.workers = workers});
}
