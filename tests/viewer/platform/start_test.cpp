#include <gtest/gtest.h>
#include <imgui.h>

#include <atomic>
#include <future>

#include "tests/support/picture_golden.h"
#include "tests/support/synthetic_session.h"
#include "viewer/model/view_description.h"
#include "viewer/platform/program_watch.h"
#include "viewer/platform/scene.h"

namespace taskscope::viewer {
namespace {

StartContent some_content() {
  StartContent start;
  start.now_s = 1'000'000;
  start.recent = {{"/people/me/traces/checkout.tscope", 1'000'000 - 20},
                  {"/people/me/traces/a very long name of a recording that nobody shortened.tscope",
                   1'000'000 - 7'200},
                  {"/tmp/leaky.tscope", 1'000'000 - 3 * 86'400}};
  start.programs = {{.pid = 4711,
                     .program = "/usr/local/bin/server",
                     .age_ns = 3'725'000'000'000,
                     .tasks = 12'345,
                     .workers = 8},
                    {.pid = 4712,
                     .program = "/usr/local/bin/worker",
                     .age_ns = 5'000'000'000,
                     .problem = "is recorded by process 99"}};
  return start;
}

TEST(StartScreen, ShowsRecordingsAndProgramsInBothThemes) {
  const StartContent start = some_content();
  for (const Theme theme : {Theme::Dark, Theme::Light}) {
    ViewRequest request;
    request.theme = theme;
    Scene scene(request, {});
    scene.set_start(&start);
    tests::expect_golden_picture(
        theme == Theme::Dark ? "viewer/start_dark.png" : "viewer/start_light.png",
        scene.picture(1024, 480));
  }
}

TEST(StartScreen, WithoutAnythingSaysWhatToDo) {
  StartContent start;
  start.programs.emplace();
  Scene scene({}, {});
  scene.set_start(&start);
  tests::expect_golden_picture("viewer/start_empty_dark.png", scene.picture(1024, 400));
}

// Somebody at the keys of the start screen.
class StartKeys : public testing::Test {
 protected:
  StartKeys() : scene_({}, {}), start_(some_content()) {
    ImGuiIO& io = ImGui::GetIO();
    io.DisplaySize = {1024, 480};
    int code = 300;
    for (const auto key : {ImGuiKey_Enter, ImGuiKey_UpArrow, ImGuiKey_DownArrow, ImGuiKey_LeftArrow,
                           ImGuiKey_RightArrow}) {
      io.KeyMap[key] = code++;
    }
    scene_.set_start(&start_);
    frame();
  }
  void frame() {
    ImGui::GetIO().DeltaTime = 0.1F;
    scene_.draw(Scene::Kind::Window, 0.1);
  }
  void press(int code) {
    ImGui::GetIO().KeysDown[code] = true;
    frame();
    ImGui::GetIO().KeysDown[code] = false;
    frame();
  }
  static constexpr int kEnter = 300, kUp = 301, kDown = 302, kLeft = 303, kRight = 304;
  Scene scene_;
  StartContent start_;
};

TEST_F(StartKeys, ChooseARecordingOrAProgram) {
  press(kDown);
  press(kEnter);
  ASSERT_TRUE(scene_.view().start_choice);
  EXPECT_EQ(scene_.view().start_choice->path, start_.recent[1].path);
  scene_.view().start_choice.reset();
  press(kUp);
  press(kRight);
  press(kEnter);
  ASSERT_TRUE(scene_.view().start_choice);
  EXPECT_EQ(scene_.view().start_choice->pid, 4711);
  scene_.view().start_choice.reset();
  press(kLeft);
  press(kEnter);
  ASSERT_TRUE(scene_.view().start_choice);
  EXPECT_EQ(scene_.view().start_choice->path, start_.recent[0].path);
}

TEST_F(StartKeys, DoNotChooseWhatCannotBeAttachedTo) {
  press(kRight);
  press(kDown);
  press(kEnter);
  EXPECT_EQ(scene_.view().start_chosen, 4U);
  EXPECT_FALSE(scene_.view().start_choice);
}

TEST_F(StartKeys, StayWithinListsThatShrink) {
  for (int at = 0; at < 10; ++at) press(kDown);
  start_.programs.reset();
  start_.recent.resize(1);
  press(kEnter);
  ASSERT_TRUE(scene_.view().start_choice);
  EXPECT_EQ(scene_.view().start_choice->path, start_.recent[0].path);
}

TEST(ProgramWatch, LooksOffTheCallersThreadUntilItIsEnded) {
  std::promise<void> seen;
  std::atomic<int> looks{0};
  {
    ProgramWatch watch(
        [&] {
          ++looks;
          return std::vector<RunningProgram>{{.pid = 7}};
        },
        [&] {
          if (looks == 1) seen.set_value();
        });
    seen.get_future().wait();
    ASSERT_TRUE(watch.programs());
    EXPECT_EQ(watch.programs()->at(0).pid, 7);
  }
  EXPECT_GE(looks, 1);
}

TEST(Refresh, KeepsWhatIsInViewThoughEveryTaskStandsElsewhere) {
  tests::SyntheticRecording whole = tests::make_synthetic_recording({.spans = 2'000});
  tests::SyntheticRecording part = whole;
  part.entities.tasks.erase(part.entities.tasks.begin() + 2);
  part.entities.info.duration_ns /= 2;
  const store::TaskId id = whole.entities.tasks[9].id;
  const SessionPtr later = SessionBuilder("a.tscope", std::move(whole.entities)).summary();
  ViewRequest request;
  request.width = 1024;
  request.height = 400;
  Scene scene(request, {});
  scene.set_session(SessionBuilder("a.tscope", std::move(part.entities)).summary());
  scene.view().selection.task = scene.session()->find_task(id);
  const TaskIndex before = scene.view().selection.task;
  scene.view().folds.workers = true;
  scene.view().rows_dirty = true;
  scene.view().time.show({1'000'000, 2'000'000});
  scene.picture(1024, 400);
  const TimeRange range = scene.view().time.visible();
  scene.refresh(later);
  ASSERT_NE(scene.view().selection.task, before);
  EXPECT_EQ(later->tasks()[scene.view().selection.task].row.id, id);
  EXPECT_TRUE(scene.view().folds.workers);
  EXPECT_EQ(scene.view().time.visible(), range);
}

}  // namespace
}  // namespace taskscope::viewer
