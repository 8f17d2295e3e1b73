// runtime_bench: one workload on the runtime, measured. `./dev bench` runs it beside Go's program.
#include <fmt/format.h>

#include <cstdio>
#include <optional>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

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

void list(const std::vector<Case>& cases) {
  for (const Case& each : cases) {
    const nlohmann::json line = {{"case", each.name}, {"warm", each.warm}, {"size", each.size}};
    fmt::print("{}\n", line.dump());
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Measures one workload and prints a JSON object for each repetition. Without a workload, "
      "lists "
      "them: one JSON object each.");
  std::string name;
  std::uint32_t workers = 1;
  taskscope::bench::Repetitions repetitions{.seconds = 0.2};
  bool traced = false;
  app.add_option("--case", name, "what to measure");
  app.add_option("--workers", workers, "workers of the runtime")->capture_default_str();
  app.add_option("--repetitions", repetitions.kept, "to report")->capture_default_str();
  const auto* warm = app.add_option(
      "--warm", repetitions.warm,
      "size of a first repetition, not reported, instead of the case's own; 0: none");
  auto* size = app.add_option("--size", repetitions.size, "instead of the case's own");
  size->check(CLI::PositiveNumber);
  app.add_option("--seconds", repetitions.seconds,
                 "of a repetition, for cases whose cost does not depend on their size")
      ->capture_default_str();
  app.add_flag("--traced", traced, "write every event, and have it thrown away");
  CLI11_PARSE(app, argc, argv);

  const std::vector<Case> cases = all_cases();
  if (name.empty()) {
    list(cases);
    return 0;
  }
  const Case* chosen = nullptr;
  for (const Case& each : cases) {
    if (each.name == name) chosen = &each;
  }
  if (chosen == nullptr) {
    std::fprintf(stderr, "runtime_bench: no case \"%s\"\n", name.c_str());
    return 2;
  }
  if (warm->empty()) repetitions.warm = chosen->warm;
  if (size->empty()) repetitions.size = chosen->size;
  if (repetitions.warm == 0 && repetitions.size == taskscope::bench::kByTime) {
    std::fputs("runtime_bench: without a first repetition it needs a --size\n", stderr);
    return 2;
  }
  std::optional<taskscope::bench::Drain> drain;
  if (traced) drain.emplace();
  return ts::run([&] { taskscope::bench::measure(*chosen, repetitions); }, {.workers = workers});
}
