// `taskscope report FILE`: summary and findings, for a terminal and for CI.
#include "viewer/analysis/report.h"

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/commands.h"
#include "app/json.h"
#include "app/report_text.h"
#include "app/terminal.h"
#include "recorder/store/reader.h"

namespace taskscope::app {
namespace {

constexpr std::size_t kRowsShort = 8;

struct Options {
  std::string path;
  bool json = false;
  bool all = false;
  std::vector<std::string> fail_on;
};

// "leak" or "leak:severe"; "any" stands for every kind.
bool matches(const store::FindingRow& row, std::string_view wanted) {
  const std::size_t colon = wanted.find(':');
  const std::string_view kind = wanted.substr(0, colon);
  if (kind != "any" && kind != row.kind) return false;
  return colon == std::string_view::npos || wanted.substr(colon + 1) != "severe" ||
         row.severity == "severe";
}

std::string check_fail_on(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string kind = text.substr(0, colon);
  if (kind != "any" && kind != "leak" && kind != "panic" && kind != "deadlock") {
    return "takes any, leak, panic or deadlock, not '" + kind + "'";
  }
  if (colon != std::string::npos && text.substr(colon) != ":warning" &&
      text.substr(colon) != ":severe") {
    return "takes :warning or :severe behind the kind, not '" + text + "'";
  }
  return {};
}

int run_report(const Options& options) {
  const auto reader = store::Reader::open(options.path);
  if (!reader) {
    print_error(reader.error().message);
    return kExitFailed;
  }
  const auto report = analysis::build_report(*reader);
  if (!report) {
    print_error(report.error().message);
    return kExitFailed;
  }
  if (options.json) {
    print_out(json_text(to_json(*report)));
  } else {
    print_out(report_text(*report, stdout_palette(), options.all ? SIZE_MAX : kRowsShort));
  }
  const bool failed = std::any_of(
      report->findings.begin(), report->findings.end(), [&](const store::FindingRow& row) {
        return std::any_of(options.fail_on.begin(), options.fail_on.end(),
                           [&](const std::string& wanted) { return matches(row, wanted); });
      });
  return failed ? kExitFindings : kExitFine;
}

}  // namespace

void add_report(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("report", "Summary and findings, for a terminal and CI");
  command->add_option("FILE", options->path, "A recording (.tscope)")->required();
  command->add_flag("--json", options->json, "Print a JSON object");
  command->add_flag("--all", options->all, "Every row of every table");
  command
      ->add_option("--fail-on", options->fail_on,
                   "Exit with 3 if there is such a finding: any, leak, panic or deadlock, "
                   "with :severe to pass over warnings")
      ->delimiter(',')
      ->type_name("KIND[:SEVERITY]")
      ->check(CLI::Validator(check_fail_on, ""));
  command->footer("Example, for CI: taskscope report run.tscope --fail-on leak,deadlock,panic");
  command->callback([options, &exit_code] { exit_code = run_report(*options); });
}

}  // namespace taskscope::app
