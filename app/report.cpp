// `taskscope report FILE`: summary and findings, for a terminal and for CI.
#include "viewer/analysis/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/ci_formats.h"
#include "app/commands.h"
#include "app/json.h"
#include "app/report_text.h"
#include "app/terminal.h"
#include "recorder/store/reader.h"
#include "viewer/analysis/findings.h"
#include "viewer/analysis/gate.h"
#include "viewer/analysis/limits.h"
#include "viewer/platform/whole_file.h"

namespace taskscope::app {
namespace {

constexpr std::size_t kRowsShort = 8;
constexpr std::size_t kCallsAll = 1000;
constexpr std::size_t kSettingBytesMax = 1 << 20;  // of files of limits, suppressions, baselines

struct Options {
  std::string path;
  bool json = false;
  bool all = false;
  bool escapes = false;
  bool list_limits = false;
  std::vector<std::string> fail_on;
  std::vector<std::string> limits;
  std::string limits_file;
  std::string suppress_file;
  std::string baseline_file;
  std::string new_baseline_file;
  std::string junit_file;
  std::string sarif_file;
};

// What a check of an option says: nothing if all is well.
template <class T>
std::string complaint(const Result<T>& result) {
  return result ? std::string() : result.error().message;
}

Result<std::string> read_setting(const std::string& path) {
  auto read = viewer::read_whole_file(path, kSettingBytesMax, "the file");
  if (!read) return read.error();
  if (!*read) return Error{"Cannot read " + path + ": there is no such file."};
  return std::move(**read);
}

Result<analysis::FindingLimits> read_limits(const Options& options) {
  analysis::FindingLimits limits;
  if (!options.limits_file.empty()) {
    const auto lines = read_setting(options.limits_file);
    if (!lines) return lines.error();
    if (auto set = analysis::set_limits(limits, *lines, options.limits_file); !set) {
      return set.error();
    }
  }
  for (const std::string& one : options.limits) {
    if (auto set = analysis::set_limit(limits, one); !set) return set.error();
  }
  return limits;
}

void print_limits(const analysis::FindingLimits& limits) {
  Table table({{"limit"}, {"value", true}, {"what it is"}});
  for (const analysis::LimitSpec& spec : analysis::limit_specs()) {
    table.add({std::string(spec.name), analysis::limit_text(spec, limits), std::string(spec.text)});
  }
  print_out(table.text(stdout_palette()));
}

// Lines of fingerprints; those that begin with # say nothing.
Result<std::vector<std::string>> read_baseline(const std::string& path) {
  std::vector<std::string> known;
  if (path.empty()) return known;
  const auto text = read_setting(path);
  if (!text) return text.error();
  for (std::size_t at = 0; at < text->size();) {
    const std::size_t end = std::min(text->find('\n', at), text->size());
    std::string line = text->substr(at, end - at);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty() && line.front() != '#') known.push_back(std::move(line));
    at = end + 1;
  }
  return known;
}

Result<void> write_baseline(const std::string& path, const analysis::Report& report) {
  if (path.empty()) return {};
  std::string text = "# Findings that are known; `taskscope report --baseline` leaves them out.\n";
  std::vector<std::string> lines;
  for (const store::FindingRow& row : report.findings) {
    lines.push_back(analysis::fingerprint(row, report));
  }
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  for (const std::string& line : lines) text += line + "\n";
  return viewer::write_whole_file(path, text, viewer::FileReaders::AsUsual, "the baseline");
}

// What is left out.
struct Accepted {
  std::vector<analysis::Suppression> suppressions;
  std::vector<std::string> known;
};
Result<Accepted> read_accepted(const Options& options) {
  Accepted accepted;
  if (!options.suppress_file.empty()) {
    const auto lines = read_setting(options.suppress_file);
    if (!lines) return lines.error();
    auto parsed = analysis::parse_suppressions(*lines, options.suppress_file);
    if (!parsed) return parsed.error();
    accepted.suppressions = std::move(*parsed);
  }
  auto known = read_baseline(options.baseline_file);
  if (!known) return known.error();
  accepted.known = std::move(*known);
  return accepted;
}

Result<analysis::Report> look(const Options& options, const analysis::FindingLimits& limits) {
  const auto reader = store::Reader::open(options.path);
  if (!reader) return reader.error();
  int shown = -1;
  const bool shows = stderr_is_terminal();
  auto report = analysis::build_report(
      *reader,
      {.limits = limits,
       .on_progress =
           [&](double done) {
             // Of a short look there is nothing to say.
             const int percent = static_cast<int>(done * 100);
             if (shows && percent != shown && reader->info().events > 20'000'000) {
               shown = percent;
               print_status(percent == 100 ? "\r\x1b[K" : fmt::format("\rreading … {} %", percent));
             }
             return true;
           },
       .calls_max = options.all ? kCallsAll : kRowsShort});
  return report;
}

Result<bool> run_look(const Options& options) {
  const auto limits = read_limits(options);
  if (!limits) return limits.error();
  if (options.list_limits) {
    print_limits(*limits);
    return false;
  }
  // Before the look, which may take long, and before the baseline is written, perhaps to its place.
  const auto accepted = read_accepted(options);
  if (!accepted) return accepted.error();
  auto report = look(options, *limits);
  if (!report) return report.error();
  if (auto written = write_baseline(options.new_baseline_file, *report); !written) {
    return written.error();
  }
  const std::size_t left_out =
      analysis::leave_out(*report, accepted->suppressions, accepted->known);
  std::vector<analysis::FailRule> rules;
  for (const std::string& text : options.fail_on) {
    rules.push_back(*analysis::parse_fail_rule(text));
  }
  const Fails fails = [&](const store::FindingRow& row) {
    return std::any_of(rules.begin(), rules.end(),
                       [&](const analysis::FailRule& rule) { return rule.matches(row); });
  };
  const std::string root = std::filesystem::current_path().string();
  for (const auto& [path, text] :
       {std::pair(options.junit_file, options.junit_file.empty() ? "" : junit_text(*report, fails)),
        std::pair(options.sarif_file,
                  options.sarif_file.empty() ? "" : sarif_text(*report, fails, root))}) {
    if (path.empty()) continue;
    if (auto written =
            viewer::write_whole_file(path, text, viewer::FileReaders::AsUsual, "the findings");
        !written) {
      return written.error();
    }
  }
  if (options.escapes) {
    print_out(options.json ? json_text(to_json(report->memory.sites))
                           : escapes_text(report->memory, root));
  } else if (options.json) {
    Json json = to_json(*report);
    json["findings_left_out"] = left_out;
    print_out(json_text(json));
  } else {
    print_out(report_text(*report, stdout_palette(), options.all ? SIZE_MAX : kRowsShort));
    if (left_out > 0) {
      print_out(fmt::format("\n{} finding{} known or accepted and left out\n", left_out,
                            left_out == 1 ? " is" : "s are"));
    }
  }
  return std::any_of(report->findings.begin(), report->findings.end(), fails);
}

int run_report(const Options& options) {
  const Result<bool> failed = run_look(options);
  if (!failed) {
    print_error(failed.error().message);
    return kExitFailed;
  }
  return *failed ? kExitFindings : kExitFine;
}

void add_ci_options(CLI::App& command, Options& options) {
  command
      .add_option("--fail-on", options.fail_on,
                  "Exit with 3 if there is such a finding: any, a kind or a group of kinds (panic, "
                  "deadlock, leak, scheduler, contention, pace), and what it must be at least: "
                  ":warning, :severe or :proved")
      ->delimiter(',')
      ->allow_extra_args(false)  // else it would take FILE, too
      ->type_name("KIND[:LEVEL]")
      ->check(CLI::Validator(
          [](const std::string& text) { return complaint(analysis::parse_fail_rule(text)); }, ""));
  command
      .add_option("--suppress", options.suppress_file,
                  "Leave out what this file accepts, a line each: leak server.cpp:42")
      ->type_name("FILE");
  command
      .add_option("--baseline", options.baseline_file,
                  "Leave out what --write-baseline wrote: only what is new is left")
      ->type_name("FILE");
  command
      .add_option("--write-baseline", options.new_baseline_file, "Write what is found to this file")
      ->type_name("FILE");
  command.add_option("--junit", options.junit_file, "Write the findings as JUnit XML, too")
      ->type_name("FILE");
  command
      .add_option("--sarif", options.sarif_file,
                  "Write the findings as SARIF, too; paths are relative to the working folder")
      ->type_name("FILE");
  command
      .add_option("--limit", options.limits,
                  "Change when a finding is one, such as starved_wait=50ms; --limits lists them")
      ->type_name("NAME=VALUE")
      ->allow_extra_args(false)
      ->check(CLI::Validator(
          [](const std::string& text) {
            analysis::FindingLimits limits;
            return complaint(analysis::set_limit(limits, text));
          },
          ""));
  command.add_option("--limits-file", options.limits_file, "The same from a file, a line each")
      ->type_name("FILE");
  command.add_flag("--limits", options.list_limits, "Print all limits and what they are");
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("report", "Summary and findings, for a terminal and CI");
  command->add_option("FILE", options->path, "A recording (.tscope)");
  command->add_flag("--json", options->json, "Print a JSON object");
  command->add_flag("--all", options->all, "Every row of every table");
  command->add_flag("--escapes", options->escapes,
                    "Print instead what became of collected objects, a line for each ts::make, "
                    "as go build -gcflags=-m does, with counts and bytes, worst first");
  add_ci_options(*command, *options);
  command->footer(
      "Example, for CI: taskscope report run.tscope --fail-on leak,deadlock,panic --junit out.xml");
  command->callback([options, &exit_code] {
    if (options->path.empty() && !options->list_limits) {
      print_error("FILE is required; see taskscope report --help.");
      exit_code = kExitUsage;
    } else {
      exit_code = run_report(*options);
    }
  });
}

}  // namespace taskscope::app
