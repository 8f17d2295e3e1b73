// Draws the synthetic recording into PNG files, for looking at while one works on the panels:
// viewer_render_tool OUT.png WIDTH HEIGHT SCALE dark|light [SPANS [TASK [FROM_NS TO_NS]]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/support/synthetic_session.h"
#include "viewer/platform/scene.h"

int main(int argc, char** argv) {
  using namespace taskscope;
  if (argc < 6) return 2;
  viewer::ViewRequest request;
  request.path = "wordcount.tscope";
  request.width = static_cast<int>(std::strtol(argv[2], nullptr, 10));
  request.height = static_cast<int>(std::strtol(argv[3], nullptr, 10));
  request.scale = std::strtof(argv[4], nullptr);
  request.theme = std::string(argv[5]) == "light" ? viewer::Theme::Light : viewer::Theme::Dark;
  tests::SyntheticOptions options;
  if (argc > 6) options.spans = std::strtoull(argv[6], nullptr, 10);
  if (argc > 7 && *argv[7] != '0') request.selected_task = std::strtoull(argv[7], nullptr, 10);
  if (argc > 9)
    request.range =
        viewer::TimeRange{std::strtoll(argv[8], nullptr, 10), std::strtoll(argv[9], nullptr, 10)};
  viewer::Scene scene(request, {});
  scene.set_session(tests::make_synthetic_session(options));
  const float scale = request.scale;
  const viewer::Image image =
      scene.picture(static_cast<int>(static_cast<float>(request.width) * scale),
                    static_cast<int>(static_cast<float>(request.height) * scale));
  const auto written = viewer::write_png(image, argv[1]);
  if (!written) std::fprintf(stderr, "%s\n", written.error().message.c_str());
  double best_ms = scene.last_frame_ms();
  for (int frame = 0; frame < 20; ++frame) {
    scene.draw(viewer::Scene::Kind::Window, 0);
    best_ms = std::min(best_ms, scene.last_frame_ms());
  }
  std::printf("%zu spans, frame %.2f ms\n", scene.session()->span_count(), best_ms);
  return written ? 0 : 1;
}
