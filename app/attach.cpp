// `taskscope attach PID|NAME -o FILE`: records a program that runs already.
//
// Ctrl-C, or the end of --for, ends the recording; the program goes on and does not notice. A
// second Ctrl-C does not wait for its answer.
#include <fmt/format.h>

#include <memory>
#include <string>

#include "app/commands.h"
#include "app/recording_loop.h"
#include "app/terminal.h"
#include "recorder/ingest/recorder.h"

namespace taskscope::app {
namespace {

struct Options {
  std::string program;
  std::string output;
  ingest::RetentionOptions retention;
  std::int64_t duration_ns = 0;
  bool quiet = false;
};

int run_attach(const Options& options) {
  const InterruptGuard guard;
  auto recorder = ingest::Recorder::attach(
      {.program = options.program, .output_path = options.output, .retention = options.retention});
  if (!recorder) {
    print_error(recorder.error().message);
    return kExitFailed;
  }
  const bool recorded = drive(
      *recorder,
      {.quiet = options.quiet, .duration_ns = options.duration_ns, .interrupt_detaches = true});
  const std::string output = recorder->output_path();
  const auto summary = recorder->finish();
  if (!summary) {
    if (recorded) print_error(summary.error().message);
    return kExitFailed;
  }
  if (!summary->connected) {
    print_error(
        fmt::format("nothing was recorded: {} ended, or was left, before its workers had "
                    "stood between two tasks.",
                    options.program));
    return kExitFailed;
  }
  return conclude(output, options.quiet) && recorded ? kExitFine : kExitFailed;
}

}  // namespace

void add_attach(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("attach", "Record a program that runs already");
  command
      ->add_option("PROGRAM", options->program,
                   "A process id or the name of a program, as taskscope list shows them")
      ->required();
  command->add_option("-o,--output", options->output,
                      "The recording to write (default PROGRAM.tscope)");
  add_duration(*command, options->duration_ns);
  add_retention(*command, options->retention);
  command->add_flag("-q,--quiet", options->quiet, "No progress, no summary");
  command->footer(
      "Example: taskscope attach server --for 10s -o busy.tscope\n\n"
      "Ctrl-C ends the recording; the program goes on, untraced, and can be attached to again. A\n"
      "second Ctrl-C does not wait for its answer. While it grows the file is called "
      "FILE.partial.");
  command->callback([options, &exit_code] { exit_code = run_attach(*options); });
}

}  // namespace taskscope::app
