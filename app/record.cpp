// `taskscope record -o FILE -- PROGRAM ARGS…`: runs a program and records it.
//
// The program keeps the terminal; everything of ours goes to standard error. Ctrl-C reaches the
// program through the terminal: we wait for it to end and keep the recording. A second Ctrl-C
// completes the file at once and leaves the program alone.
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>

#include <array>
#include <atomic>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/report_text.h"
#include "app/terminal.h"
#include "app/view_options.h"
#include "recorder/ingest/recorder.h"
#include "recorder/store/reader.h"
#include "recorder/store/writer.h"
#include "runtime/base/clock.h"
#include "viewer/analysis/duration_text.h"
#include "viewer/analysis/report.h"

namespace taskscope::app {
namespace {

constexpr int kPollMs = 50;
constexpr std::int64_t kRedrawNs = 100'000'000;

struct Options {
  std::string output;
  std::vector<std::string> command;
  ingest::RetentionOptions retention;
  bool quiet = false;
  bool propagate_exit = false;
};

// What the signal handler leaves for the loop. Lock-free atomics: written by the handler, read by
// the main thread.
std::atomic<int> g_interrupts{0};
std::atomic<int> g_forward_signal{0};  // 0: the program got the signal itself, from the terminal

void on_interrupt(int signal_number, siginfo_t* info, void*) {
  g_interrupts.fetch_add(1, std::memory_order_relaxed);
  const bool from_terminal = signal_number == SIGINT && info != nullptr && info->si_code > 0;
  if (!from_terminal) g_forward_signal.store(signal_number, std::memory_order_relaxed);
}

// Takes SIGINT, SIGTERM and SIGHUP for its lifetime.
class InterruptGuard {
 public:
  InterruptGuard() {
    struct sigaction action {};
    action.sa_sigaction = on_interrupt;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &action, &before_[i]);
    }
  }
  ~InterruptGuard() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals[i], &before_[i], nullptr);
    }
  }
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  static constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_{};
};

// The live line at the bottom of a terminal; silent elsewhere.
class ProgressLine {
 public:
  explicit ProgressLine(bool enabled) : enabled_(enabled && stderr_is_terminal()) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void show(const ingest::Progress& progress, bool stopping) {
    const std::int64_t now = base::monotonic_ns();
    if (!enabled_ || now - drawn_ns_ < kRedrawNs) return;
    drawn_ns_ = now;
    const Palette colour = stderr_palette();
    std::string line;
    if (!progress.connected) {
      line = "waiting for the program's runtime to start";
    } else {
      line = fmt::format(
          "{}● rec{} {:>8}  {} events  {} tasks ({} alive)  {} lost  {}", colour.red, colour.reset,
          analysis::duration_text(progress.elapsed_ns), analysis::count_text(progress.events),
          analysis::count_text(progress.tasks), analysis::count_text(progress.tasks_live),
          analysis::count_text(progress.lost_events), analysis::bytes_text(progress.file_bytes));
    }
    if (stopping) line += "  stopping (Ctrl-C again: leave the program, keep the file)";
    print_status("\r\033[K" + line);
    visible_ = true;
  }
  void clear() {
    if (visible_) print_status("\r\033[K");
    visible_ = false;
  }

 private:
  bool enabled_;
  bool visible_ = false;
  std::int64_t drawn_ns_ = 0;
};

constexpr std::uint64_t kMaxBytesMin = 1'000'000;

// "500MB", "2GB", "64MiB", "4000000".
std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  constexpr std::array<std::pair<std::string_view, double>, 8> kUnits = {{{"", 1},
                                                                          {"B", 1},
                                                                          {"KB", 1e3},
                                                                          {"kB", 1e3},
                                                                          {"MB", 1e6},
                                                                          {"GB", 1e9},
                                                                          {"MiB", 1 << 20},
                                                                          {"GiB", 1 << 30}}};
  for (const auto& [name, bytes] : kUnits) {
    if (unit == name && value >= 0 && value * bytes < 9e18) {
      return static_cast<std::uint64_t>(value * bytes);
    }
  }
  return std::nullopt;
}

void add_retention(CLI::App& command, ingest::RetentionOptions& retention) {
  command
      .add_option_function<std::string>(
          "--keep",
          [&retention](const std::string& text) { retention.keep_ns = *parse_duration_ns(text); },
          "Keep only the last part, such as 60s; older events are dropped while it records")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const auto ns = parse_duration_ns(text);
            if (ns && *ns > 0) return std::string();
            return "takes a time with its unit, such as 60s, not '" + text + "'";
          },
          ""))
      ->type_name("TIME");
  command
      .add_option_function<std::string>(
          "--max-size",
          [&retention](const std::string& text) { retention.max_bytes = *parse_bytes(text); },
          "Keep only what fits, such as 500MB; older events are dropped while it records")
      ->check(CLI::Validator(
          [](const std::string& text) {
            const auto bytes = parse_bytes(text);
            if (bytes && *bytes >= kMaxBytesMin) return std::string();
            return "takes a size of 1MB or more, such as 500MB, not '" + text + "'";
          },
          ""))
      ->type_name("SIZE");
}

std::string default_output(const std::string& program) {
  return program.substr(program.rfind('/') + 1) + ".tscope";
}

// Runs the recording to its end. Returns false after a fatal error, which has been printed.
bool drive(ingest::Recorder& recorder, bool quiet) {
  ProgressLine line(!quiet);
  for (;;) {
    const auto progress = recorder.poll(kPollMs);
    if (!progress) {
      line.clear();
      print_error(progress.error().message);
      return false;
    }
    if (progress->program_ended) return true;
    if (const int forward = g_forward_signal.exchange(0, std::memory_order_relaxed)) {
      recorder.signal_program(forward);
    }
    const int interrupts = g_interrupts.load(std::memory_order_relaxed);
    if (interrupts >= 2) return true;
    line.show(*progress, interrupts > 0);
  }
}

// After a failure the program has the terminal to itself until it ends: a shell that came back
// earlier would be written over. Ctrl-C twice leaves it alone, as ever.
void outlast(ingest::Recorder& recorder, const Options& options) {
  if (recorder.program_has_ended()) return;
  print_status(
      fmt::format("taskscope: {} goes on without being recorded.\n", options.command.front()));
  while (!recorder.program_has_ended() && g_interrupts.load(std::memory_order_relaxed) < 2) {
    if (const int forward = g_forward_signal.exchange(0, std::memory_order_relaxed)) {
      recorder.signal_program(forward);
    }
    ::poll(nullptr, 0, kPollMs);
  }
}

// Stores the findings in the finished file and prints the summary.
bool conclude(const std::string& path, bool quiet) {
  auto reader = store::Reader::open(path);
  if (!reader) {
    print_error(reader.error().message);
    return false;
  }
  const auto report = analysis::build_report(*reader);
  if (!report) {
    print_error(report.error().message);
    return false;
  }
  if (auto stored = store::write_findings(path, report->findings); !stored) {
    print_error(stored.error().message);
    return false;
  }
  if (!quiet) print_status(record_summary_text(*report, path, stderr_palette()));
  return true;
}

int run_record(const Options& options) {
  const std::string output =
      options.output.empty() ? default_output(options.command.front()) : options.output;
  const InterruptGuard guard;
  auto recorder = ingest::Recorder::launch(
      {.command = options.command, .output_path = output, .retention = options.retention});
  if (!recorder) {
    print_error(recorder.error().message);
    return kExitFailed;
  }
  const bool recorded = drive(*recorder, options.quiet);
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
  return options.propagate_exit ? summary->exit_code : kExitFine;
}

}  // namespace

void add_record(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("record", "Run a program and record it");
  command->add_option("-o,--output", options->output,
                      "The recording to write (default PROGRAM.tscope)");
  add_retention(*command, options->retention);
  command->add_flag("-q,--quiet", options->quiet, "No progress, no summary");
  command->add_flag("--propagate-exit", options->propagate_exit,
                    "Exit with the program's exit code (128 + signal if it was killed)");
  command->add_option("PROGRAM", options->command, "The program and its arguments, after --")
      ->required();
  command->footer(
      "Example: taskscope record -o run.tscope -- ./server --port 8080\n\n"
      "Ctrl-C ends the program and keeps the recording; a second Ctrl-C leaves the program alone\n"
      "and completes the file at once. While it grows the file is called FILE.partial.");
  command->positionals_at_end();
  command->callback([options, &exit_code] { exit_code = run_record(*options); });
}

}  // namespace taskscope::app
