// `taskscope open [FILE]`, or just `taskscope FILE`: the viewer's window, on a recording, on a
// program that runs, or on what there is to choose from.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/live_attach.h"
#include "app/recording_loop.h"
#include "app/terminal.h"
#include "app/view_options.h"
#include "recorder/ingest/programs.h"
#include "recorder/store/reader.h"
#include "runtime/base/clock.h"
#include "viewer/platform/window.h"

namespace taskscope::app {
namespace {

constexpr int kPatienceMs = 500;

struct Options {
  viewer::ViewRequest request;
  std::string attach;
  std::string output;
  trace_format::Wanted wanted;  // of what is recorded
  bool scale_given = false;
  bool size_given = false;
};

// As `taskscope list` shows them.
std::vector<viewer::RunningProgram> running_programs() {
  std::vector<viewer::RunningProgram> programs;
  const std::int64_t now_ns = base::realtime_ns();
  for (const ingest::RunningProgram& found : ingest::find_programs(kPatienceMs)) {
    viewer::RunningProgram program{
        .pid = found.pid,
        .program = found.program,
        .age_ns = std::max<std::int64_t>(now_ns - found.started_ns, 0),
        .tasks = found.tasks,
        .workers = found.workers,
        .problem = found.answers ? "" : found.why,
    };
    if (found.answers && found.recorder_pid != 0) {
      program.problem = "is recorded by process " + std::to_string(found.recorder_pid);
    }
    programs.push_back(std::move(program));
  }
  return programs;
}

int run_open(Options& options) {
  // A file that is no recording is said here and not in a window, display or not.
  if (!options.request.path.empty()) {
    if (const auto reader = store::Reader::open(options.request.path); !reader) {
      print_error(reader.error().message);
      return kExitFailed;
    }
  }
  viewer::WindowOptions window;
  window.folders = viewer::user_folders(std::getenv("XDG_CONFIG_HOME"),
                                        std::getenv("XDG_STATE_HOME"), std::getenv("HOME"));
  viewer::Preferences preferences = viewer::load_preferences(window.folders);
  if (options.scale_given) {
    // There is no other way to say it than this option, so it is remembered.
    preferences.scale = options.request.scale;
    if (const auto kept = save_preferences(window.folders, preferences); !kept) {
      print_error(kept.error().message);
    }
  } else if (preferences.scale) {
    options.request.scale = *preferences.scale;
  } else {
    window.scale_of_screen = true;
  }
  if (!options.size_given) window.place = preferences.window;
  window.request = options.request;
  window.find_programs = running_programs;
  window.attach = [wanted = options.wanted](int pid) {
    return attach_live(std::to_string(pid), "", wanted);
  };
  if (!options.attach.empty()) {
    window.live = attach_live(options.attach, options.output, options.wanted);
  }
  const auto shown = viewer::run_window(std::move(window));
  if (!shown) print_error(shown.error().message);
  return shown ? kExitFine : kExitFailed;
}

}  // namespace

void add_open(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command =
      app.add_subcommand("open", "Look at a recording, or a program that runs, in a window");
  CLI::Option* file = command->add_option(
      "FILE", options->request.path,
      "A recording (.tscope); without one, recent files and running programs to choose from");
  CLI::Option* attach =
      command
          ->add_option("--attach", options->attach,
                       "Record the running program with this process id or name, and follow it")
          ->excludes(file)
          ->type_name("PID|NAME");
  command
      ->add_option("-o,--output", options->output,
                   "The recording that --attach makes (default PROGRAM-TIME.tscope)")
      ->needs(attach);
  add_wanted(*command, options->wanted);
  add_view_options(*command, options->request);
  command->footer(
      "In the window, ? shows all keys; a file that is dropped on it opens.\n\n"
      "Marks and notes are kept beside a recording, in FILE.marks.json. Theme, sizes, --scale and\n"
      "the window's place are remembered in $XDG_CONFIG_HOME/taskscope, the files that were open\n"
      "in $XDG_STATE_HOME/taskscope. Without --scale the screen's own counts (Xft.dpi).");
  command->callback([command, options, &exit_code] {
    options->scale_given = command->count("--scale") > 0;
    options->size_given = command->count("--size") > 0;
    exit_code = run_open(*options);
  });
}

}  // namespace taskscope::app
