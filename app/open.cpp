// `taskscope open FILE`, or just `taskscope FILE`: the viewer's window.
#include <memory>

#include "app/commands.h"
#include "app/terminal.h"
#include "app/view_options.h"
#include "viewer/platform/window.h"

namespace taskscope::app {

void add_open(CLI::App& app, int& exit_code) {
  auto request = std::make_shared<viewer::ViewRequest>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("open", "Look at a recording in a window");
  command->add_option("FILE", request->path, "A recording (.tscope)")->required();
  add_view_options(*command, *request);
  command->callback([request, &exit_code] {
    const auto shown = viewer::run_window(*request);
    if (!shown) print_error(shown.error().message);
    exit_code = shown ? kExitFine : kExitFailed;
  });
}

}  // namespace taskscope::app
