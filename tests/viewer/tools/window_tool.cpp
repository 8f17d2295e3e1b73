// Opens the window on the synthetic recording, for the test that drives it with a synthetic mouse
// and keyboard: viewer_window_tool RECORDING_PATH [SPANS]
// Pictures saved with Ctrl+S go beside RECORDING_PATH, which need not exist.
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "tests/support/synthetic_session.h"
#include "viewer/platform/window.h"

int main(int argc, char** argv) {
  using namespace taskscope;
  if (argc < 2) return 2;
  viewer::WindowOptions window;
  window.request.path = argv[1];
  tests::SyntheticOptions options;
  if (argc > 2) options.spans = std::strtoull(argv[2], nullptr, 10);
  window.session = tests::make_synthetic_session(options);
  const auto shown = viewer::run_window(std::move(window));
  if (!shown) std::fprintf(stderr, "%s\n", shown.error().message.c_str());
  return shown ? 0 : 1;
}
