// `taskscope import TRACE -o FILE`: makes a recording of what a program wrote about itself.
#include <memory>
#include <string>

#include "app/commands.h"
#include "app/recording_loop.h"
#include "app/terminal.h"
#include "recorder/ingest/trace_file_import.h"

namespace taskscope::app {
namespace {

struct Options {
  std::string trace;
  std::string output;
  bool quiet = false;
};

int run_import(const Options& options) {
  const std::string output = options.output.empty() ? options.trace + ".tscope" : options.output;
  if (auto imported = ingest::import_trace_file(options.trace, output); !imported) {
    print_error(imported.error().message);
    return kExitFailed;
  }
  return conclude(output, options.quiet) ? kExitFine : kExitFailed;
}

}  // namespace

void add_import(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command =
      app.add_subcommand("import", "Make a recording of a program's own trace file");
  command->add_option("TRACE", options->trace, "What the program wrote (TASKSCOPE_TRACE=TRACE)")
      ->required();
  command->add_option("-o,--output", options->output,
                      "The recording to write (default TRACE.tscope)");
  command->add_flag("-q,--quiet", options->quiet, "No summary");
  command->footer(
      "Example: TASKSCOPE_TRACE=run.trace ./server; taskscope import run.trace -o run.tscope\n\n"
      "For where no recorder can run beside the program. The trace file grows by 16 bytes an "
      "event;\n"
      "a recording takes about 3. A program that is killed loses its last few milliseconds.");
  command->callback([options, &exit_code] { exit_code = run_import(*options); });
}

}  // namespace taskscope::app
