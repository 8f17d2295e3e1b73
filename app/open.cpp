// `taskscope open FILE`, or just `taskscope FILE`: the viewer's window.
#include <memory>

#include "app/commands.h"
#include "app/terminal.h"
#include "app/view_options.h"
#include "recorder/store/reader.h"
#include "viewer/platform/window.h"

namespace taskscope::app {
namespace {

int run_open(const viewer::ViewRequest& request) {
  // A file that is no recording is said here and not in a window, display or not.
  if (const auto reader = store::Reader::open(request.path); !reader) {
    print_error(reader.error().message);
    return kExitFailed;
  }
  const auto shown = viewer::run_window(request);
  if (!shown) print_error(shown.error().message);
  return shown ? kExitFine : kExitFailed;
}

}  // namespace

void add_open(CLI::App& app, int& exit_code) {
  auto request = std::make_shared<viewer::ViewRequest>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("open", "Look at a recording in a window");
  command->add_option("FILE", request->path, "A recording (.tscope)")->required();
  add_view_options(*command, *request);
  command->footer("In the window, ? shows all keys.");
  command->callback([request, &exit_code] { exit_code = run_open(*request); });
}

}  // namespace taskscope::app
