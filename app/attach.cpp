// `taskscope attach PID|NAME… -o FILE`: records programs that run already.
//
// Ctrl-C, or the end of --for, ends the recording; the programs go on and do not notice. A
// second Ctrl-C does not wait for its answer.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/recording_loop.h"
#include "app/terminal.h"
#include "recorder/ingest/recorder.h"

namespace taskscope::app {
namespace {

struct Options {
  std::vector<std::string> programs;
  std::string output;
  ingest::RetentionOptions retention;
  trace_format::Wanted wanted;
  std::int64_t duration_ns = 0;
  Until until = Until::Nothing;
  bool quiet = false;
};

int run_attach(const Options& options) {
  const InterruptGuard guard(options.until);
  auto recorder = ingest::Recorder::attach({.programs = options.programs,
                                            .output_path = options.output,
                                            .retention = options.retention,
                                            .wanted = options.wanted});
  if (!recorder) {
    print_error(recorder.error().message);
    return kExitFailed;
  }
  const bool recorded = drive(*recorder, {.quiet = options.quiet,
                                          .duration_ns = options.duration_ns,
                                          .interrupt_detaches = true,
                                          .until = options.until});
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
                    fmt::join(options.programs, ", ")));
    return kExitFailed;
  }
  return conclude(output, options.quiet) && recorded ? kExitFine : kExitFailed;
}

}  // namespace

void add_attach(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("attach", "Record programs that run already");
  command
      ->add_option(
          "PROGRAM", options->programs,
          "A process id or the name of a program, as taskscope list shows them; of several "
          "programs one recording is made")
      ->required();
  command->add_option("-o,--output", options->output,
                      "The recording to write (default PROGRAM.tscope, of the first)");
  add_wanted(*command, options->wanted);
  add_duration(*command, options->duration_ns);
  add_retention(*command, options->retention);
  add_until(*command, options->until, options->retention);
  command->add_flag("-q,--quiet", options->quiet, "No progress, no summary");
  command->footer(
      "Example: taskscope attach server --for 10s -o busy.tscope\n\n"
      "To see a client and its server together: taskscope attach client server\n\n"
      "Ctrl-C ends the recording; the program goes on, untraced, and can be attached to again. A\n"
      "second Ctrl-C does not wait for its answer. While it grows the file is called "
      "FILE.partial.");
  command->callback([options, &exit_code] { exit_code = run_attach(*options); });
}

}  // namespace taskscope::app
