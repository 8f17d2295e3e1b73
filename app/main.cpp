// `taskscope`: records programs, answers questions about recordings and shows them.
#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <exception>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "app/terminal.h"

namespace taskscope::app {
namespace {

constexpr const char* kDescription =
    "Shows what concurrent tasks did, why they waited, and which of them will never finish.";
constexpr const char* kFooter =
    "A bare file opens it: taskscope run.tscope\n"
    "Exit codes: 0 fine, 1 failed, 2 wrong usage, 3 findings at or above --fail-on.";

bool is_command(const CLI::App& app, const std::string& word) {
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  return std::any_of(commands.begin(), commands.end(),
                     [&](const CLI::App* command) { return command->check_name(word); });
}

bool looks_like_file(const std::string& word) {
  struct stat status {};
  return ::stat(word.c_str(), &status) == 0 || word.find('/') != std::string::npos ||
         word.find(".tscope") != std::string::npos;
}

int run(int argc, char** argv) {
  CLI::App app(kDescription, "taskscope");
  app.footer(kFooter);
  app.set_version_flag("--version", std::string("taskscope ") + TASKSCOPE_VERSION);
  app.require_subcommand(0, 1);
  int exit_code = kExitFine;
  add_record(app, exit_code);
  add_list(app, exit_code);
  add_attach(app, exit_code);
  add_import(app, exit_code);
  add_open(app, exit_code);
  add_report(app, exit_code);
  add_info(app, exit_code);
  add_query(app, exit_code);
  add_export(app, exit_code);
  add_screenshot(app, exit_code);

  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) {
    print_out(app.help());
    return kExitUsage;
  }
  if (words[0].rfind('-', 0) != 0 && !is_command(app, words[0])) {
    if (!looks_like_file(words[0])) {
      print_error("there is no command and no file named '" + words[0] +
                  "'; see taskscope --help.");
      return kExitUsage;
    }
    words.insert(words.begin(), "open");
  }
  const std::string command = is_command(app, words[0]) ? words[0] + " " : "";
  std::reverse(words.begin(), words.end());  // CLI11 takes its vector from the back
  try {
    app.parse(words);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);
    print_error(std::string(error.what()) + "; see taskscope " + command + "--help.");
    return kExitUsage;
  }
  return exit_code;
}

}  // namespace
}  // namespace taskscope::app

int main(int argc, char** argv) {
  // A reader that closes the pipe early (`| head`) is no failure of ours to report.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return taskscope::app::run(argc, argv);
  } catch (const std::bad_alloc&) {
    taskscope::app::print_error("out of memory.");
  } catch (const std::exception& error) {
    taskscope::app::print_error(std::string("unexpected failure: ") + error.what());
  }
  return taskscope::app::kExitFailed;
}
