// `taskscope screenshot FILE -o PICTURE`: the viewer's frame as a picture, with no display needed.
#include "viewer/platform/screenshot.h"

#include <fmt/format.h>

#include <memory>
#include <string>

#include "app/commands.h"
#include "app/terminal.h"
#include "app/view_options.h"

namespace taskscope::app {
namespace {

int run_screenshot(const viewer::ViewRequest& request, const std::string& output) {
  const auto written = viewer::write_screenshot(request, output);
  if (!written) {
    print_error(written.error().message);
    return kExitFailed;
  }
  if (!written->problem.empty()) print_error(written->problem);
  print_status(fmt::format("{}: {}x{} pixels\n", output, written->width, written->height));
  return kExitFine;
}

}  // namespace

void add_screenshot(CLI::App& app, int& exit_code) {
  auto request = std::make_shared<viewer::ViewRequest>();  // shared: CLI11 copies its callbacks
  auto output = std::make_shared<std::string>();           // shared: likewise
  CLI::App* command = app.add_subcommand("screenshot", "A picture, with no display needed");
  command->add_option("FILE", request->path, "A recording (.tscope)")->required();
  command->add_option("-o,--output", *output, "The picture to write, .png or .svg")->required();
  command
      ->add_option(
          "--view", request->view,
          "What to show: timeline (default); cpu, what processors worked on in the range, or "
          "waits, "
          "which calls waited in it, as a flame graph below it; waits-for, who waits for whom at "
          "its end; memory, what became of collected objects, place by place")
      ->option_text("timeline|cpu|waits|waits-for|memory");
  add_view_options(*command, *request);
  command->footer(
      "Example: taskscope screenshot run.tscope -o wait.png --range 10ms..20ms --select 7\n"
      "         taskscope screenshot run.tscope -o cpu.svg --view cpu");
  command->callback(
      [request, output, &exit_code] { exit_code = run_screenshot(*request, *output); });
}

}  // namespace taskscope::app
