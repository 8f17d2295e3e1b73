// live_bench: how old the picture of a program is that is recorded while a window follows it.
// Prints one JSON object.
//
//   live_bench SECONDS EVENTS_PER_S TASKS FILE    FILE is replaced
//
// A recorder on a thread of its own makes FILE of a made-up program; a scene without a display
// follows it as a window does, at up to sixty frames a second. With 0 TASKS there are some that
// last and many that do not.
#include <imgui.h>
#include <sys/resource.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "recorder/ingest/merge.h"
#include "recorder/ingest/recording_meta.h"
#include "recorder/ingest/store_pace.h"
#include "runtime/base/check.h"
#include "tests/bench/made_up_program.h"
#include "viewer/platform/open_file.h"

namespace {

using namespace taskscope;
using Clock = std::chrono::steady_clock;

constexpr int kWidth = 1920;
constexpr int kHeight = 1080;
constexpr std::chrono::milliseconds kRead{2};  // between two looks at the rings
constexpr std::chrono::milliseconds kFrame{16};
constexpr std::int64_t kCalibrateNs = 50'000'000;

std::int64_t ns_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count();
}

struct Load {
  double seconds = 0;
  double events_per_s = 0;
  std::size_t tasks = 0;
  std::string path;

  bench::MadeUpProgram::Shape shape() const {
    return tasks == 0 ? bench::MadeUpProgram::Shape{}
                      : bench::MadeUpProgram::Shape{.pairs = tasks / 2, .children = false};
  }
};

// How much faster than real time the program's own clock must go for so many events.
double pace_of(const Load& load) {
  bench::MadeUpProgram program(load.shape());
  program.run_until(kCalibrateNs);
  const double own_rate =
      static_cast<double>(program.events()) * 1e9 / static_cast<double>(kCalibrateNs);
  return load.events_per_s / own_rate;
}

class MadeUpRecording : public viewer::LiveRecording {
 public:
  explicit MadeUpRecording(Load load)
      : load_(std::move(load)), pace_(pace_of(load_)), thread_([this] { run(); }) {}
  ~MadeUpRecording() override { thread_.join(); }

  const std::string& program() const override { return name_; }
  viewer::LiveStatus status() const override {
    const std::scoped_lock lock(mutex_);
    return status_;
  }
  bool interrupted() const override { return false; }
  void detach() override {}
  void let_go() override {}

 private:
  void run() {
    bench::MadeUpProgram program(load_.shape());
    ingest::ClockMap clock(base::TickSource::Hardware, {}, 0);
    auto writer = store::Writer::create(load_.path);
    TASKSCOPE_CHECK(writer.has_value());
    ingest::SpanBuilder builder(*writer);
    ingest::Merge merge(builder, clock);
    ingest::SpanBuilder* const builders[] = {&builder};
    ingest::StorePace store_pace;
    for (std::size_t w = 0; w < program.kWorkers; ++w) {
      merge.add_ring(static_cast<store::WorkerId>(w));
    }
    const Clock::time_point start = Clock::now();
    for (std::int64_t now_ns = 0; static_cast<double>(now_ns) < load_.seconds * 1e9;
         now_ns = ns_since(start)) {
      const auto own_ns = static_cast<std::int64_t>(static_cast<double>(now_ns) * pace_);
      program.run_until(own_ns);
      for (std::size_t w = 0; w < program.kWorkers; ++w) merge.append(w, program.rings()[w]);
      clock.add_anchor({.ticks = static_cast<std::uint64_t>(own_ns) * program.kTicksPerNs,
                        .monotonic_ns = now_ns});
      merge.advance();
      TASKSCOPE_CHECK(store_pace.store(now_ns, builders, *writer).has_value());
      for (auto& ring : program.rings()) ring.clear();
      {
        const std::scoped_lock lock(mutex_);
        status_ = {.stage = viewer::LiveStage::Recording,
                   .path = load_.path,
                   .error = {},
                   .events = builder.counts().events,
                   .lost_events = 0,
                   .elapsed_ns = now_ns};
      }
      std::this_thread::sleep_until(start + std::chrono::nanoseconds(now_ns) + kRead);
    }
    merge.drain();
    TASKSCOPE_CHECK(ingest::complete(builder, *writer, {}).has_value());
    const std::scoped_lock lock(mutex_);
    status_.stage = viewer::LiveStage::Finishing;
  }

  // Constant after construction.
  Load load_;
  std::string name_ = "made up";
  double pace_;

  // Guarded by mutex_.
  mutable std::mutex mutex_;
  viewer::LiveStatus status_;

  std::thread thread_;
};

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), values.begin() + at, values.end());
  return values[static_cast<std::size_t>(at)];
}

int follow(const Load& load) {
  std::filesystem::remove(load.path);
  viewer::ViewRequest request;
  request.width = kWidth;
  request.height = kHeight;
  viewer::Scene scene(request, {});
  ImGuiIO& io = ImGui::GetIO();
  io.DisplaySize = {kWidth, kHeight};
  io.DeltaTime = 1.0F / 60;
  viewer::OpenFile file(scene, [] {});
  file.follow(std::make_unique<MadeUpRecording>(load));
  std::vector<double> ages;
  std::vector<double> frames;
  std::vector<viewer::SessionPtr> last(1);
  std::size_t refreshes = 0;
  std::uint64_t events = 0;
  for (;;) {
    const Clock::time_point begin = Clock::now();
    file.update();
    const viewer::LiveInfo* live = file.live_info();
    scene.set_live(live);
    scene.draw(viewer::Scene::Kind::Window, 1.0 / 60);
    if (live->stage == viewer::LiveStage::Finishing) break;
    if (scene.session() != nullptr) {
      ages.push_back(static_cast<double>(live->behind_ns) / 1e9);
      frames.push_back(static_cast<double>(ns_since(begin)) / 1e6);
      if (scene.session() != last.front()) ++refreshes;
      last.front() = scene.session();
      events = scene.session()->span_count();
    }
    std::this_thread::sleep_until(begin + kFrame);
  }
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto tail = [&](const std::vector<double>& values) {  // of the last quarter
    return std::vector<double>(values.end() - static_cast<std::ptrdiff_t>(values.size() / 4),
                               values.end());
  };
  const viewer::TraceSession& session = *last.front();
  std::printf(
      "{\"age_s\": %.3f, \"age_max_s\": %.3f, \"age_at_last_s\": %.3f, \"refreshes_per_s\": %.2f, "
      "\"frame_ms\": %.2f, \"frame_max_ms\": %.1f, \"tasks\": %zu, \"spans\": %llu, "
      "\"bytes_per_span\": %.2f, \"memory_mb\": %.0f}\n",
      percentile(ages, 0.5), percentile(ages, 1), percentile(tail(ages), 0.5),
      static_cast<double>(refreshes) / load.seconds, percentile(frames, 0.5), percentile(frames, 1),
      session.tasks().size(), static_cast<unsigned long long>(events),
      static_cast<double>(session.packed_bytes()) /
          static_cast<double>(std::max<std::size_t>(session.span_count(), 1)),
      static_cast<double>(used.ru_maxrss) / 1024);
  return 0;
}

template <class Number>
bool parse(const char* text, Number& number) {
  const char* const end = text + std::strlen(text);
  const auto [stop, error] = std::from_chars(text, end, number);
  return error == std::errc() && stop == end;
}

}  // namespace

int main(int argc, char** argv) {
  Load load;
  if (argc != 5 || !parse(argv[1], load.seconds) || !parse(argv[2], load.events_per_s) ||
      !parse(argv[3], load.tasks)) {
    std::fprintf(stderr, "usage: live_bench SECONDS EVENTS_PER_S TASKS FILE\n");
    return 2;
  }
  load.path = argv[4];
  return follow(load);
}
