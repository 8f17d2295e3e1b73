// viewer_bench: what looking at a recording costs, without a window. Prints one JSON object.
//
//   viewer_bench FILE        opening it, and drawing frames of it
//   viewer_bench first FILE  opening it up to the first picture, of whatever is known by then
//   viewer_bench tasks N     drawing frames of a made-up recording of about N tasks
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/synthetic_session.h"
#include "viewer/model/loader.h"
#include "viewer/platform/scene.h"

namespace {

using namespace taskscope;
using Clock = std::chrono::steady_clock;

constexpr int kWidth = 1920;
constexpr int kHeight = 1080;
constexpr std::uint32_t kTasksOfSynthetic = 43;  // at scale 1

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

// The slowest zoom's median frame, in ms: each zoom with its rows' pictures there.
double frame_ms(viewer::Scene& scene) {
  const double duration = static_cast<double>(scene.session()->duration_ns());
  double slowest = 0;
  for (const double share : {1.0, 0.1, 0.01, 0.001, 0.0001}) {
    const auto start = static_cast<std::int64_t>(duration * 0.4);
    const auto length = static_cast<std::int64_t>(std::max(duration * share, 1.0));
    scene.view().time.show({start, start + length});
    scene.picture(kWidth, kHeight);
    std::vector<double> frames;
    for (int frame = 0; frame < 15; ++frame) {
      scene.draw(viewer::Scene::Kind::Window, 0);
      frames.push_back(scene.last_frame_ms());
    }
    std::nth_element(frames.begin(), frames.begin() + frames.size() / 2, frames.end());
    const double median = frames[frames.size() / 2];
    std::fprintf(stderr, "1/%.0f of the recording in view: %.2f ms a frame\n", 1 / share, median);
    slowest = std::max(slowest, median);
  }
  return slowest;
}

// With `first_only` what follows the first picture is left out.
int open_file(const std::string& path, bool first_only) {
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
      scene.set_session(state.session);
      scene.picture(kWidth, kHeight);
      if (first_s == 0) first_s = seconds_since(start);
      if (first_only) {
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
  const double frame = frame_ms(scene);
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  std::printf(
      "{\"first_frame_s\": %.4f, \"complete_s\": %.4f, \"frame_ms\": %.3f, \"spans\": %zu, "
      "\"bytes_per_span\": %.2f, \"memory_mb\": %.0f}\n",
      first_s, complete_s, frame, scene.session()->span_count(),
      static_cast<double>(scene.session()->packed_bytes()) /
          static_cast<double>(std::max<std::size_t>(scene.session()->span_count(), 1)),
      static_cast<double>(used.ru_maxrss) / 1024);
  return 0;
}

int many_tasks(std::uint32_t tasks) {
  tests::SyntheticOptions options;
  options.task_scale = std::max(1U, tasks / kTasksOfSynthetic);
  options.spans = std::uint64_t{20} * tasks;
  viewer::Scene scene(request_for("synthetic.tscope"), {});
  scene.set_session(tests::make_synthetic_session(options));
  scene.view().folds = {};  // every task has a row
  scene.view().rows_dirty = true;
  std::printf("{\"tasks\": %zu, \"frame_ms\": %.3f}\n", scene.session()->tasks().size(),
              frame_ms(scene));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::uint32_t tasks = 0;
  const char* number = argc == 3 && std::string(argv[1]) == "tasks" ? argv[2] : "";
  const auto [stop, error] = std::from_chars(number, number + std::strlen(number), tasks);
  if (argc == 3 && error == std::errc() && *stop == '\0') return many_tasks(tasks);
  if (argc == 2) return open_file(argv[1], false);
  if (argc == 3 && std::string(argv[1]) == "first") return open_file(argv[2], true);
  std::fprintf(stderr,
               "usage: viewer_bench FILE | viewer_bench first FILE | viewer_bench tasks N\n");
  return 2;
}
