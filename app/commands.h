// The subcommands of `taskscope`, one file each. Every function adds its subcommand to the command
// line and, when that is the one given, leaves its exit code in `exit_code`. Main thread only.
#pragma once

#include <CLI/CLI.hpp>

namespace taskscope::app {

// Exit codes, as `taskscope --help` says.
inline constexpr int kExitFine = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitFindings = 3;

void add_record(CLI::App& app, int& exit_code);
void add_list(CLI::App& app, int& exit_code);
void add_attach(CLI::App& app, int& exit_code);
void add_import(CLI::App& app, int& exit_code);
void add_info(CLI::App& app, int& exit_code);
void add_report(CLI::App& app, int& exit_code);
void add_query(CLI::App& app, int& exit_code);
void add_export(CLI::App& app, int& exit_code);
void add_screenshot(CLI::App& app, int& exit_code);
void add_open(CLI::App& app, int& exit_code);

}  // namespace taskscope::app
