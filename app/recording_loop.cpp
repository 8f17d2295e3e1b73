#include "app/recording_loop.h"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "app/report_text.h"
#include "app/terminal.h"
#include "app/view_options.h"
#include "recorder/store/reader.h"
#include "recorder/store/writer.h"
#include "runtime/base/clock.h"
#include "viewer/analysis/duration_text.h"
#include "viewer/analysis/live_findings.h"
#include "viewer/analysis/report.h"

namespace taskscope::app {
namespace {

constexpr int kPollMs = 50;
constexpr std::int64_t kRedrawNs = 100'000'000;

constexpr std::int64_t kLookEveryNs = 1'000'000'000;  // for findings
constexpr std::int64_t kFlightKeepNs = 60'000'000'000;
constexpr std::int64_t kPatienceNs = 10'000'000'000;  // for programs that do not answer

// SIGUSR1: of a flight recorder. SIGQUIT: Ctrl-\, which the program answers with a dump and ends.
constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1};
// What was installed before an InterruptGuard came.
std::array<struct sigaction, kSignals.size()> g_before{};

// What the signal handler leaves for the loop. Lock-free atomics: written by the handler, read by
// the main thread.
std::atomic<int> g_interrupts{0};
std::atomic<bool> g_save{false};
std::atomic<int> g_forward_signal{0};  // 0: the program got the signal itself, from the terminal

void on_interrupt(int signal_number, siginfo_t* info, void*) {
  if (signal_number == SIGUSR1) return g_save.store(true, std::memory_order_relaxed);
  g_interrupts.fetch_add(1, std::memory_order_relaxed);
  const bool of_terminal = signal_number == SIGINT || signal_number == SIGQUIT;
  const bool from_terminal = of_terminal && info != nullptr && info->si_code > 0;
  if (!from_terminal) g_forward_signal.store(signal_number, std::memory_order_relaxed);
}

// Decides when a flight recorder has seen what it was waiting for.
class FlightWatch {
 public:
  FlightWatch(ingest::Recorder& recorder, Until until) : recorder_(recorder), until_(until) {}

  // What it was, as it completes "ended by …"; empty: nothing yet.
  std::string look(const ingest::Progress& progress) {
    if (until_ == Until::Nothing || !progress.connected) return {};
    if (asked_to_save()) return "SIGUSR1";
    if (progress.snapshot_request) {
      return fmt::format("ts::snapshot_trace: {}", *progress.snapshot_request);
    }
    const std::int64_t now = base::monotonic_ns();
    if (until_ != Until::Finding || now < next_look_ns_) return {};
    next_look_ns_ = now + kLookEveryNs;
    return findings_.look(recorder_.waiting_groups(), recorder_.program_names());
  }

 private:
  ingest::Recorder& recorder_;
  Until until_;
  analysis::LiveFindings findings_;
  std::int64_t next_look_ns_ = 0;
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
          "{}● rec{} {:>8}{}  {} events  {} tasks ({} alive)  {} lost  {}", colour.red,
          colour.reset, analysis::duration_text(progress.elapsed_ns),
          progress.programs > 1 ? fmt::format("  {} programs", progress.programs) : "",
          analysis::count_text(progress.events), analysis::count_text(progress.tasks),
          analysis::count_text(progress.tasks_live), analysis::count_text(progress.lost_events),
          analysis::bytes_text(progress.file_bytes));
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

// A positive time, as an option's value.
CLI::Validator positive_time() {
  return CLI::Validator(
      [](const std::string& text) {
        const auto ns = parse_duration_ns(text);
        if (ns && *ns > 0) return std::string();
        return "takes a time with its unit, such as 60s, not '" + text + "'";
      },
      "");
}

// The value of --samples, which CLI11 calls "true" if there is none.
CLI::Validator samples_a_second() {
  return CLI::Validator(
      [](std::string& text) -> std::string {
        if (text == "true") text = std::to_string(trace_format::kSampleHzDefault);
        int hz = 0;
        const char* const end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, hz);
        const bool fits = hz >= 1 && hz <= int{trace_format::kSampleHzMax};
        if (parsed.ec == std::errc() && parsed.ptr == end && fits) return {};
        return fmt::format("takes a number of samples a second from 1 to {}, not '{}'",
                           trace_format::kSampleHzMax, text);
      },
      "");
}

// Of a finished file.
Result<analysis::Report> report_of(const std::string& path) {
  const auto reader = store::Reader::open(path);
  if (!reader) return reader.error();
  return analysis::build_report(*reader);
}

}  // namespace

// ---- Options ------------------------------------------------------------------------------------

void add_retention(CLI::App& command, ingest::RetentionOptions& retention) {
  command
      .add_option_function<std::string>(
          "--keep",
          [&retention](const std::string& text) { retention.keep_ns = *parse_duration_ns(text); },
          "Keep only the last part, such as 60s; older events are dropped while it records")
      ->check(positive_time())
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

void add_until(CLI::App& command, Until& until, ingest::RetentionOptions& retention) {
  command
      .add_option_function<std::string>(
          "--until",
          [&until](const std::string& text) {
            until = text == "finding" ? Until::Finding : Until::Snapshot;
          },
          "Flight recorder: keep the last part (60s, or --keep, --max-size) until the program "
          "calls "
          "ts::snapshot_trace() or the recorder gets SIGUSR1 (snapshot), or also until tasks pile "
          "up or a lock is held for good (finding); then complete the file")
      ->check(CLI::IsMember({"finding", "snapshot"}));
  command.parse_complete_callback([&until, &retention] {
    const bool bounded = retention.keep_ns > 0 || retention.max_bytes > 0;
    if (until != Until::Nothing && !bounded) retention.keep_ns = kFlightKeepNs;
  });
}

void add_wanted(CLI::App& command, trace_format::Wanted& wanted) {
  command.add_flag_callback(
      "--stacks", [&wanted] { wanted.stacks = 1; },
      "Record the calls that led to each wait and each spawn (some 15 ns each)");
  // A flag, so that the word behind it is not taken for its value: `attach --samples 4711`.
  command
      .add_flag_function(
          "--samples",
          [&wanted](std::int64_t hz) { wanted.sample_hz = static_cast<std::uint16_t>(hz); },
          fmt::format("Record what the processors work on, HZ times in each second of their work "
                      "(--samples=HZ; {} if not said)",
                      trace_format::kSampleHzDefault))
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeLast)
      ->transform(samples_a_second())
      ->option_text("[=HZ]");
}

void add_duration(CLI::App& command, std::int64_t& duration_ns) {
  command
      .add_option_function<std::string>(
          "--for",
          [&duration_ns](const std::string& text) { duration_ns = *parse_duration_ns(text); },
          "Record for this long, such as 10s; the program goes on without")
      ->check(positive_time())
      ->type_name("TIME");
}

// ---- Signals ------------------------------------------------------------------------------------

InterruptGuard::InterruptGuard(Until until) {
  struct sigaction action {};
  action.sa_sigaction = on_interrupt;
  action.sa_flags = SA_SIGINFO;
  sigemptyset(&action.sa_mask);
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    const bool ours = kSignals[i] != SIGUSR1 || until != Until::Nothing;
    ::sigaction(kSignals[i], ours ? &action : nullptr, &g_before[i]);
  }
}

InterruptGuard::~InterruptGuard() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) ::sigaction(kSignals[i], &g_before[i], nullptr);
}

int interrupts() { return g_interrupts.load(std::memory_order_relaxed); }
bool asked_to_save() { return g_save.load(std::memory_order_relaxed); }
int take_signal_to_forward() { return g_forward_signal.exchange(0, std::memory_order_relaxed); }

// ---- The recording ------------------------------------------------------------------------------

bool drive(ingest::Recorder& recorder, const DriveOptions& options) {
  ProgressLine line(!options.quiet);
  FlightWatch watch(recorder, options.until);
  std::int64_t all_there_ns = 0;  // since then all programs are recorded that were asked for
  for (;;) {
    const auto progress = recorder.poll(kPollMs);
    if (!progress) {
      line.clear();
      print_error(progress.error().message);
      return false;
    }
    if (progress->program_ended || interrupts() >= 2) return true;
    if (progress->awaited > 0) all_there_ns = std::min(progress->elapsed_ns, kPatienceNs);
    const bool time_is_up =
        options.duration_ns != 0 && progress->elapsed_ns - all_there_ns >= options.duration_ns;
    const bool stopping = interrupts() > 0;
    if (const std::string why = watch.look(*progress); !why.empty()) recorder.leave(why);
    if (time_is_up || (stopping && options.interrupt_detaches)) recorder.leave();
    if (const int forward = take_signal_to_forward(); forward != 0 && !options.interrupt_detaches) {
      recorder.signal_program(forward);
    }
    line.show(*progress, stopping);
  }
}

// Stores the findings in the finished file and prints the summary.
Result<void> store_findings(const std::string& path) {
  const auto report = report_of(path);
  if (!report) return report.error();
  return store::write_findings(path, report->findings);
}

bool conclude(const std::string& path, bool quiet) {
  const auto report = report_of(path);
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

}  // namespace taskscope::app
