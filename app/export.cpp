// `taskscope export FILE --plain|--format FORMAT -o OUT`: a recording for other tools.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "app/commands.h"
#include "app/terminal.h"
#include "recorder/store/plain_export.h"
#include "recorder/store/pprof_export.h"
#include "viewer/analysis/duration_text.h"

namespace taskscope::app {
namespace {

struct Options {
  std::string path;
  std::string output;
  bool plain = false;
  std::optional<store::PprofKind> pprof;
};

int run_pprof(const Options& options) {
  const auto done = store::export_pprof(options.path, *options.pprof, options.output);
  if (!done) {
    print_error(done.error().message);
    return kExitFailed;
  }
  print_status(fmt::format("{}: {} samples, {} functions\n", options.output,
                           analysis::count_text(done->samples),
                           analysis::count_text(done->functions)));
  return kExitFine;
}

int run_export(const Options& options) {
  if (options.pprof) return run_pprof(options);
  const auto done = store::export_plain(options.path, options.output);
  if (!done) {
    print_error(done.error().message);
    return kExitFailed;
  }
  print_status(fmt::format("{}: {} spans, {} events\n", options.output,
                           analysis::count_text(done->spans), analysis::count_text(done->events)));
  return kExitFine;
}

}  // namespace

void add_export(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("export", "A recording for other tools");
  command->add_option("FILE", options->path, "A recording (.tscope)")->required();
  command->add_option("-o,--output", options->output, "The file to write; it must not exist")
      ->required();
  CLI::Option_group* what = command->add_option_group("What to write");
  what->require_option(1);
  what->add_flag("--plain", options->plain,
                 "A plain SQLite database: spans and events are ordinary rows (about 30 times "
                 "the size)");
  const std::map<std::string, store::PprofKind> formats{{"pprof:cpu", store::PprofKind::Cpu},
                                                        {"pprof:block", store::PprofKind::Block},
                                                        {"pprof:spawn", store::PprofKind::Spawn}};
  what->add_option("--format", options->pprof,
                   "A profile for pprof: what processors worked on (pprof:cpu, needs record "
                   "--samples), which calls waited and how long (pprof:block) or spawned tasks "
                   "(pprof:spawn; both need record --stacks)")
      ->transform(CLI::CheckedTransformer(formats).description(""))
      ->option_text("pprof:cpu|pprof:block|pprof:spawn");
  command->footer(
      "Example: taskscope export run.tscope --plain -o rows.db\n"
      "         sqlite3 rows.db \"SELECT state, count(*) FROM span GROUP BY state\"\n"
      "         taskscope export run.tscope --format pprof:cpu -o cpu.pb.gz\n"
      "         go tool pprof -http : cpu.pb.gz");
  command->callback([options, &exit_code] { exit_code = run_export(*options); });
}

}  // namespace taskscope::app
