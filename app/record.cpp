// `taskscope record -o FILE -- PROGRAM ARGS…`: runs a program and records it, and what it starts.
//
// The program keeps the terminal; everything of ours goes to standard error. Ctrl-C reaches the
// program through the terminal: we wait for it to end and keep the recording. A second Ctrl-C
// completes the file at once and leaves the program alone.
#include <fmt/format.h>
#include <poll.h>

#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/recording_loop.h"
#include "app/terminal.h"
#include "recorder/ingest/recorder.h"

namespace taskscope::app {
namespace {

constexpr int kPollMs = 50;

struct Options {
  std::string output;
  std::vector<std::string> command;
  ingest::RetentionOptions retention;
  trace_format::Wanted wanted;
  std::int64_t duration_ns = 0;
  Until until = Until::Nothing;
  bool quiet = false;
  bool propagate_exit = false;
};

std::string default_output(const std::string& program) {
  return program.substr(program.rfind('/') + 1) + ".tscope";
}

// When the recording is over, the program has the terminal to itself until it ends: a shell that
// came back earlier would be written over. Ctrl-C twice leaves it alone, as ever.
void outlast(ingest::Recorder& recorder, const Options& options) {
  if (recorder.program_has_ended()) return;
  print_status(
      fmt::format("taskscope: {} goes on without being recorded.\n", options.command.front()));
  while (!recorder.program_has_ended() && interrupts() < 2) {
    if (const int forward = take_signal_to_forward()) {
      recorder.signal_program(forward);
    }
    ::poll(nullptr, 0, kPollMs);
  }
}

int run_record(const Options& options) {
  const std::string output =
      options.output.empty() ? default_output(options.command.front()) : options.output;
  const InterruptGuard guard(options.until);
  auto recorder = ingest::Recorder::launch({.command = options.command,
                                            .output_path = output,
                                            .retention = options.retention,
                                            .wanted = options.wanted});
  if (!recorder) {
    print_error(recorder.error().message);
    return kExitFailed;
  }
  const bool recorded =
      drive(*recorder,
            {.quiet = options.quiet, .duration_ns = options.duration_ns, .until = options.until});
  const auto summary = recorder->finish();
  if (!summary) {
    if (recorded) print_error(summary.error().message);
    outlast(*recorder, options);
    return kExitFailed;
  }
  if (!summary->connected) {
    print_error(fmt::format(
        "nothing was recorded: {} {} without starting the Taskscope runtime; link it with "
        "taskscope::runtime and start its work in ts::run().",
        options.command.front(), summary->exit_status));
    return kExitFailed;
  }
  if (!conclude(output, options.quiet) || !recorded) return kExitFailed;
  if (options.duration_ns != 0 || options.until != Until::Nothing) outlast(*recorder, options);
  return options.propagate_exit ? summary->exit_code : kExitFine;
}

}  // namespace

void add_record(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("record", "Run a program and record it");
  command->add_option("-o,--output", options->output,
                      "The recording to write (default PROGRAM.tscope)");
  add_wanted(*command, options->wanted);
  add_duration(*command, options->duration_ns);
  add_retention(*command, options->retention);
  add_until(*command, options->until, options->retention);
  command->add_flag("-q,--quiet", options->quiet, "No progress, no summary");
  command->add_flag("--propagate-exit", options->propagate_exit,
                    "Exit with the program's exit code (128 + signal if it was killed)");
  command->add_option("PROGRAM", options->command, "The program and its arguments, after --")
      ->required();
  command->footer(
      "Example: taskscope record -o run.tscope -- ./server --port 8080\n\n"
      "Programs with the runtime in them that it starts are recorded too, each for itself and on\n"
      "one time axis; the recording ends when it and all of them have:\n"
      "taskscope record -- sh -c './server & ./client'\n\n"
      "Ctrl-C ends the program and keeps the recording; a second Ctrl-C leaves the program alone\n"
      "and completes the file at once. While it grows the file is called FILE.partial.");
  command->positionals_at_end();
  command->callback([options, &exit_code] { exit_code = run_record(*options); });
}

}  // namespace taskscope::app
