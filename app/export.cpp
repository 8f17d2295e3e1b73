// `taskscope export FILE --plain -o OUT`: a recording for other tools.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "app/commands.h"
#include "app/terminal.h"
#include "recorder/store/plain_export.h"
#include "viewer/analysis/duration_text.h"

namespace taskscope::app {
namespace {

struct Options {
  std::string path;
  std::string output;
  bool plain = false;
};

int run_export(const Options& options) {
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
  command
      ->add_flag("--plain", options->plain,
                 "A plain SQLite database: spans and events are ordinary rows (about 30 times "
                 "the size)")
      ->required();
  command->footer(
      "Example: taskscope export run.tscope --plain -o rows.db\n"
      "         sqlite3 rows.db \"SELECT state, count(*) FROM span GROUP BY state\"");
  command->callback([options, &exit_code] { exit_code = run_export(*options); });
}

}  // namespace taskscope::app
