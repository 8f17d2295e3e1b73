// Ten thousand inputs by somebody who does not look: nothing breaks, and what is chosen exists.
#include <gtest/gtest.h>
#include <imgui.h>

#include <cmath>
#include <random>

#include "tests/support/synthetic_session.h"
#include "viewer/platform/scene.h"

namespace taskscope::viewer {
namespace {

constexpr int kInputs = 2'000;  // of each seed

class Monkey {
 public:
  explicit Monkey(std::uint32_t seed) : random_(seed), scene_(request(), {}) {
    // As a backend does; these numbers are no letters.
    for (int key = 0; key < ImGuiKey_COUNT; ++key) ImGui::GetIO().KeyMap[key] = 400 + key;
    scene_.set_session(whole_);
  }

  // One input and the frame that sees it.
  void act() {
    ImGuiIO& io = ImGui::GetIO();
    io.MouseWheel = io.MouseWheelH = 0;
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
        io.MousePos = {static_cast<float>(below(1'100)) - 30, static_cast<float>(below(700)) - 30};
        break;
      case 3:
      case 4: {
        bool& button = io.MouseDown[below(3)];
        button = !button;
        break;
      }
      case 5:
        (below(4) == 0 ? io.MouseWheelH : io.MouseWheel) = static_cast<float>(below(9)) - 4;
        break;
      case 6:
      case 7: {
        bool& key = io.KeysDown[below(3) == 0 ? 400 + below(ImGuiKey_COUNT) : 'A' + below(26)];
        key = !key;
        break;
      }
      case 8:
        io.KeyCtrl = below(3) == 0;
        io.KeyShift = below(3) == 0;
        io.KeyAlt = below(6) == 0;
        break;
      case 9:
        io.AddInputCharacter(static_cast<unsigned>(' ' + below(95)));
        break;
      case 10:
        size_ = {static_cast<float>(320 + below(1'000)), static_cast<float>(240 + below(600))};
        break;
      default:
        if (below(30) == 0) scene_.set_session(below(2) == 0 ? summary_ : whole_);
        break;
    }
    io.DisplaySize = size_;
    io.DeltaTime = 1.0F / 60;
    scene_.draw(Scene::Kind::Window, 1.0 / 60);
  }

  void expect_sound() const {
    const TraceSession& session = *scene_.session();
    const ViewState& view = scene_.view();
    const TimeRange visible = view.time.visible();
    ASSERT_LT(visible.start_ns, visible.end_ns);
    ASSERT_TRUE(std::isfinite(view.scroll_y) && view.scroll_y >= 0) << view.scroll_y;
    for (const Selection& selection : {view.selection, view.hover}) {
      ASSERT_TRUE(selection.task == kNoTask || selection.task < session.tasks().size());
      if (selection.span != kNoSpan) {
        ASSERT_LT(selection.span, session.span_count());
        ASSERT_EQ(session.span_task(selection.span), selection.task);
      }
      if (selection.worker) {
        ASSERT_LT(*selection.worker, session.workers().size());
      }
    }
    if (view.finding) {
      ASSERT_LT(*view.finding, session.findings().size());
    }
    ASSERT_GT(ImGui::GetDrawData()->TotalVtxCount, 0);
  }

 private:
  static ViewRequest request() {
    ViewRequest request;
    request.path = "wordcount.tscope";
    return request;
  }
  static SessionPtr make_summary() {
    tests::SyntheticRecording recording = tests::make_synthetic_recording({.spans = 500});
    return SessionBuilder("wordcount.tscope", std::move(recording.entities)).summary();
  }
  int below(int limit) { return static_cast<int>(random_() % static_cast<unsigned>(limit)); }

  std::mt19937 random_;
  SessionPtr whole_ = tests::make_annotated_session({.spans = 2'000});
  SessionPtr summary_ = make_summary();
  Scene scene_;
  ImVec2 size_{1024, 640};
};

class MonkeyWithSeed : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, MonkeyWithSeed, ::testing::Range(1U, 6U));

TEST_P(MonkeyWithSeed, BreaksNothing) {
  Monkey monkey(GetParam());
  for (int input = 0; input < kInputs; ++input) {
    SCOPED_TRACE(input);
    monkey.act();
    ASSERT_NO_FATAL_FAILURE(monkey.expect_sound());
  }
}

}  // namespace
}  // namespace taskscope::viewer
