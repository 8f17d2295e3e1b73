// viewer_bench: what looking at a recording costs, without a window. Prints one JSON object.
//
//   viewer_bench FILE           opening it, and drawing frames of it
//   viewer_bench unfolded FILE  the same with a row for every task
//   viewer_bench findings FILE  the same with the list of findings, the first of which is read
//   viewer_bench calls FILE     unfolded, with where its samples went by calls
//   viewer_bench first FILE     opening it up to the first picture, of whatever is known by then
//   viewer_bench raster         20,000 rectangles and 5,000 labels to pixels, without a GPU
#include <imgui.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <string>
#include <vector>

#include "viewer/model/loader.h"
#include "viewer/platform/scene.h"
#include "viewer/platform/soft_rasterizer.h"

namespace {

using namespace taskscope;
using Clock = std::chrono::steady_clock;

constexpr int kWidth = 1920;
constexpr int kHeight = 1080;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

viewer::ViewRequest request_for(std::string path) {
  viewer::ViewRequest request;
  request.path = std::move(path);
  request.width = kWidth;
  request.height = kHeight;
  return request;
}

struct FrameCosts {
  double p99_ms = 0;      // of the slowest zoom
  double picture_ms = 0;  // until every row in view has its exact picture, of the slowest zoom
};

double percentile(std::vector<double> values, double share) {
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

// Of this thread, so that other programs do not count.
double cpu_ms() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// At every zoom from all of it to a millionth, by tens: a jump there, then moving on by a few
// pixels in every frame as one that is dragged does, whether the rows have their pictures or not.
FrameCosts frame_costs(viewer::Scene& scene) {
  constexpr int kFrames = 200;
  const auto duration = static_cast<double>(scene.session()->duration_ns());
  FrameCosts costs;
  for (double share = 1; share >= 1e-6; share /= 10) {
    const auto start = static_cast<std::int64_t>(duration * 0.4 * (1 - share));
    const auto length = static_cast<std::int64_t>(std::max(duration * share, 1.0));
    scene.view().time.show({start, start + length});
    const auto asked = Clock::now();
    scene.picture(kWidth, kHeight);
    const double picture_ms = seconds_since(asked) * 1e3;
    std::vector<double> frames;
    for (int frame = 0; frame < kFrames; ++frame) {
      scene.view().time.pan_px(frame % 50 < 25 ? 37 : -37);
      const double begin_ms = cpu_ms();
      scene.draw(viewer::Scene::Kind::Window, 1.0 / 60);
      frames.push_back(cpu_ms() - begin_ms);
    }
    const double p99 = percentile(frames, 0.99);
    std::fprintf(stderr, "1/%.0f in view: a frame %.2f ms, p99 %.2f ms; exact after %.0f ms\n",
                 1 / share, percentile(frames, 0.5), p99, picture_ms);
    costs.p99_ms = std::max(costs.p99_ms, p99);
    costs.picture_ms = std::max(costs.picture_ms, picture_ms);
  }
  return costs;
}

enum class Open : std::uint8_t { Folded, Unfolded, Findings, Calls, FirstPicture };

int open_file(const std::string& path, Open open) {
  const auto start = Clock::now();
  std::mutex mutex;
  std::condition_variable changed;
  std::uint64_t changes = 0;
  viewer::SessionLoader loader(path, [&] {
    {
      const std::scoped_lock lock(mutex);
      ++changes;
    }
    changed.notify_one();
  });
  viewer::Scene scene(request_for(path), {});
  std::uint64_t seen = 0;
  double first_s = 0;
  for (;;) {
    const auto state = loader.poll();
    if (!state.error.empty()) {
      std::fprintf(stderr, "%s\n", state.error.c_str());
      return 1;
    }
    if (state.session != nullptr && state.session != scene.session()) {
      const bool findings = open == Open::Findings && state.done;
      scene.set_session(state.session,
                        findings ? viewer::Scene::Findings::File : viewer::Scene::Findings::Stored);
      scene.picture(kWidth, kHeight);
      if (first_s == 0) first_s = seconds_since(start);
      if (open == Open::FirstPicture) {
        std::printf("{\"first_frame_s\": %.4f}\n", first_s);
        return 0;
      }
    }
    if (state.done) break;
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return changes != seen; });
    seen = changes;
  }
  const double complete_s = seconds_since(start);
  if (open == Open::Findings) {
    scene.view().findings_pane.open = true;
    scene.view().keys = viewer::KeysOf::Findings;
    scene.view().finding = 0;
  }
  if (open == Open::Calls) scene.view().profile.open = true;
  if (open == Open::Unfolded || open == Open::Findings || open == Open::Calls) {
    scene.view().folds = {};
    scene.view().rows_dirty = true;
  }
  const FrameCosts costs = frame_costs(scene);
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const viewer::TraceSession& session = *scene.session();
  std::printf(
      "{\"first_frame_s\": %.4f, \"complete_s\": %.4f, \"frame_p99_ms\": %.3f, "
      "\"picture_ms\": %.1f, \"tasks\": %zu, \"spans\": %zu, \"bytes_per_span\": %.2f, "
      "\"memory_mb\": %.0f}\n",
      first_s, complete_s, costs.p99_ms, costs.picture_ms, session.tasks().size(),
      session.span_count(),
      static_cast<double>(session.packed_bytes()) /
          static_cast<double>(std::max<std::size_t>(session.span_count(), 1)),
      static_cast<double>(used.ru_maxrss) / 1024);
  return 0;
}

// Small rectangles side by side and labels on them, rasterised without a GPU.
int raster() {
  constexpr int kRectangles = 20'000;
  constexpr int kLabels = 5'000;
  viewer::Scene scene(request_for("raster"), {});
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {kWidth, kHeight};
  io.DeltaTime = 1.0F / 60;
  ImGui::NewFrame();
  ImDrawList& list = *ImGui::GetBackgroundDrawList();
  for (int at = 0; at < kRectangles; ++at) {
    const auto x = static_cast<float>(at % 160 * 12);
    const auto y = static_cast<float>(at / 160 * 8);
    list.AddRectFilled({x, y}, {x + 11, y + 7}, IM_COL32(at & 255, at >> 8, 128, 255));
    if (at % (kRectangles / kLabels) == 0) list.AddText({x, y}, IM_COL32_WHITE, "w17");
  }
  ImGui::Render();
  std::vector<double> times;
  viewer::Image image{kWidth, kHeight, {}};
  for (int round = 0; round < 15; ++round) {
    const auto start = Clock::now();
    viewer::rasterize(*ImGui::GetDrawData(), scene.texture(), IM_COL32_BLACK, image);
    times.push_back(seconds_since(start) * 1e3);
  }
  std::printf("{\"raster_ms\": %.2f}\n", percentile(times, 0.5));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "";
  if (argc == 2 && first == "raster") return raster();
  if (argc == 2) return open_file(first, Open::Folded);
  if (argc == 3 && first == "first") return open_file(argv[2], Open::FirstPicture);
  if (argc == 3 && first == "unfolded") return open_file(argv[2], Open::Unfolded);
  if (argc == 3 && first == "findings") return open_file(argv[2], Open::Findings);
  if (argc == 3 && first == "calls") return open_file(argv[2], Open::Calls);
  std::fprintf(stderr,
               "usage: viewer_bench [first|unfolded|findings|calls] FILE | viewer_bench raster\n");
  return 2;
}
