#include <fmt/format.h>
#include <gtest/gtest.h>
#include <imgui.h>

#include <filesystem>
#include <fstream>

#include "tests/support/hanging_server.h"
#include "tests/support/picture_golden.h"
#include "tests/support/synthetic_session.h"
#include "tests/support/temporary_folder.h"
#include "tests/support/trace_session.h"
#include "viewer/platform/scene.h"
#include "viewer/platform/screenshot.h"

namespace taskscope::viewer {
namespace {

SessionPtr small_session() { return tests::make_synthetic_session({.spans = 4'000}); }

Image draw(const ViewRequest& request, const SessionPtr& session) {
  Scene scene(request, {});
  if (session != nullptr) scene.set_session(session);
  const auto side = [&](int length) {
    return static_cast<int>(static_cast<float>(length) * request.scale);
  };
  return scene.picture(side(request.width), side(request.height));
}

ViewRequest request_of(int width, int height) {
  ViewRequest request;
  request.path = "wordcount.tscope";
  request.width = width;
  request.height = height;
  return request;
}

TEST(Picture, OfTheWholeRecordingInTheDark) {
  tests::expect_golden_picture("viewer/whole_dark.png",
                               draw(request_of(1024, 640), small_session()));
}

TEST(Picture, OfATaskInTheLight) {
  ViewRequest request = request_of(1024, 640);
  request.theme = Theme::Light;
  request.selected_task = 7;
  request.range = TimeRange{8'000'000, 9'500'000};
  tests::expect_golden_picture("viewer/task_light.png", draw(request, small_session()));
}

TEST(Picture, AtTwiceTheScale) {
  ViewRequest request = request_of(640, 400);
  request.scale = 2;
  tests::expect_golden_picture("viewer/twice_dark.png", draw(request, small_session()));
}

TEST(Picture, OfMoreSpansThanPixels) {
  tests::expect_golden_picture(
      "viewer/dense_dark.png",
      draw(request_of(1024, 640), tests::make_synthetic_session({.spans = 100'000})));
}

void expect_picture_of_what_programs_say(Theme theme, const std::string& golden) {
  ViewRequest request = request_of(1024, 640);
  request.theme = theme;
  request.range = TimeRange{8'000'000, 24'000'000};
  Scene scene(request, {});
  scene.set_session(tests::make_annotated_session({.spans = 4'000, .workers = 2}));
  scene.view().folds.workers = true;
  if (theme == Theme::Light) {
    const TaskIndex task = scene.session()->find_task(3);
    const RegionTracks* regions = scene.session()->annotations().regions_of(task);
    ASSERT_NE(regions, nullptr);
    const std::size_t chosen = (*regions)[1].first_ending_after(9'000'000);
    scene.view().selection = {.task = task,
                              .region = RegionAt{1, static_cast<std::uint32_t>(chosen)}};
    scene.view().scroll_y = 120;
  }
  scene.view().rows_dirty = true;
  tests::expect_golden_picture(golden, scene.picture(1024, 640));
}

TEST(Picture, OfWhatProgramsSayInTheDark) {
  expect_picture_of_what_programs_say(Theme::Dark, "viewer/said_dark.png");
}

TEST(Picture, OfWhatProgramsSayInTheLight) {
  expect_picture_of_what_programs_say(Theme::Light, "viewer/said_light.png");
}

TEST(Picture, OfWhereSamplesWentInTheDark) {
  ViewRequest request = request_of(1280, 720);
  request.view = "cpu";
  request.selected_task = 4;
  request.range = TimeRange{2'000'000, 12'000'000};
  Scene scene(request, {});
  scene.set_session(tests::make_called_session({.spans = 6'000, .workers = 2}));
  scene.view().profile.search.set_text("parse");
  tests::expect_golden_picture("viewer/calls_dark.png", scene.picture(1280, 720));
}

TEST(Picture, OfAWaitsStackAndOfWhereWaitsWentInTheLight) {
  ViewRequest request = request_of(1280, 720);
  request.theme = Theme::Light;
  request.range = TimeRange{2'000'000, 2'600'000};
  Scene scene(request, {});
  scene.set_session(tests::make_called_session({.spans = 6'000, .workers = 2}));
  const TraceSession& session = *scene.session();
  const Task& task = session.tasks()[5];
  std::size_t at = task.track.first_ending_after(2'100'000);
  while (session.wait_stack(task.first_span + static_cast<SpanIndex>(at)) ==
         store::StackTable::kNone) {
    ++at;
  }
  scene.view().selection = {.task = 5, .span = task.first_span + static_cast<SpanIndex>(at)};
  scene.view().reveal = 5;
  scene.view().profile.open = true;
  scene.view().profile.of = ProfileOf::Waits;
  scene.view().profile.scope = ProfileScope::Group;
  scene.view().profile_height = 200;
  tests::expect_golden_picture("viewer/calls_light.png", scene.picture(1280, 720));
}

TEST(Picture, OfCallsSaysWhyThereAreNone) {
  ViewRequest request = request_of(800, 480);
  Scene scene(request, {});
  scene.set_session(small_session());
  scene.view().profile.open = true;
  scene.view().profile_height = 120;
  tests::expect_golden_picture("viewer/calls_none_dark.png", scene.picture(800, 480));
}

void expect_picture_of_who_waits_for_whom(Theme theme, const std::string& golden) {
  ViewRequest request = request_of(1280, 720);
  request.view = "waits-for";
  request.theme = theme;
  const tests::HangingServer server;
  Scene scene(request, {});
  scene.set_session(server.session, Scene::Findings::File);
  tests::expect_golden_picture(golden, scene.picture(1280, 720));
}

TEST(Picture, OfWhoWaitsForWhomInTheDark) {
  expect_picture_of_who_waits_for_whom(Theme::Dark, "viewer/waits_for_dark.png");
}

TEST(Picture, OfWhoWaitsForWhomInTheLight) {
  expect_picture_of_who_waits_for_whom(Theme::Light, "viewer/waits_for_light.png");
}

// Of lines that golden pictures of the memory pane show.
std::string write_source(const tests::TemporaryFolder& folder) {
  const std::string path = folder.path() + "/server.cpp";
  std::ofstream file(path);
  for (int line = 1; line <= 60; ++line) {
    file << (line == 14   ? "    page = ts::make(Page{.number = number});"
             : line == 20 ? "  if (!next) next = ts::make(Word{.number = number});"
             : line == 22 ? "  auto pairs = ts::make_array<std::pair<int, int>>(2'500);"
             : line == 30 ? "void serve(int request, Cache& cache, const Answers& answers) {"
             : line == 31 ? "\tanswers.send(ts::make(Answer{.request = request}));"
             : line == 32 ? "}"
                          : fmt::format("  step_{}(request, cache);", line))
         << '\n';
  }
  return path;
}

TEST(Picture, OfCollectionsAndOfWhatEscapedInTheDark) {
  const tests::TemporaryFolder folder;
  ViewRequest request = request_of(1280, 760);
  request.view = "memory";
  Scene scene(request, {});
  scene.set_session(
      tests::make_collected_session({.spans = 4'000, .workers = 4}, write_source(folder)));
  scene.view().profile_height = 300;
  tests::expect_golden_picture("viewer/memory_dark.png", scene.picture(1280, 760));
}

TEST(Picture, OfACollectionThatIsSelectedInTheLight) {
  ViewRequest request = request_of(1280, 760);
  request.theme = Theme::Light;
  request.range = TimeRange{4'000'000, 9'000'000};
  Scene scene(request, {});
  scene.set_session(tests::make_collected_session({.spans = 4'000, .workers = 4}));
  scene.view().selection = {.collection = 1};
  scene.view().memory.open = true;
  scene.view().memory.filter = SiteFilter::Escape;
  scene.view().memory.chosen = 2;
  scene.view().profile_height = 160;
  scene.picture(1280, 760);  // lays out where the collection is
  const double x = scene.view().time.to_px(6'500'000) + 220;
  ImGui::GetIO().MousePos = {static_cast<float>(x), 252};
  const Image image = scene.picture(1280, 760);
  EXPECT_EQ(scene.view().hover.collection, 1U);
  tests::expect_golden_picture("viewer/memory_light.png", image);
}

TEST(Picture, OfMemorySaysWhyThereIsNone) {
  ViewRequest request = request_of(800, 480);
  Scene scene(request, {});
  scene.set_session(small_session());
  scene.view().memory.open = true;
  scene.view().profile_height = 120;
  tests::expect_golden_picture("viewer/memory_none_dark.png", scene.picture(800, 480));
}

TEST(Picture, OfAFindingSaysItsSentence) {
  const ViewRequest request = request_of(1024, 640);
  Scene scene(request, {});
  scene.set_session(small_session());
  scene.picture(1024, 640);
  const FindingList findings(*scene.session(), scene.session()->findings(), false);
  read_finding(findings, *scene.session(), scene.view(), 0);
  tests::expect_golden_picture("viewer/finding_dark.png", scene.picture(1024, 640));
}

TEST(Picture, OfFilteredAndPinnedRowsWithHitsAndAnArea) {
  ViewRequest request = request_of(1024, 640);
  Scene scene(request, {});
  scene.set_session(small_session());
  ViewState& view = scene.view();
  view.arrangement = {.grouping = Grouping::Name, .filters = {"state:lock", "-name:=merge"}};
  view.pins = {{RowKind::Worker, 3}, {RowKind::Task, 6}};
  view.search.editor.set_text("state:lock dur:>50us");
  view.scroll_y = 200;
  scene.picture(1024, 640);
  Area area;
  area.time = {4'000'000, 9'000'000};
  area.top = 260;
  area.bottom = 400;
  const ArrangementPtr arrangement = Arrangement::make_default(scene.session());
  // shared: see Area
  area.rows =
      std::make_shared<const AreaRows>(AreaRows{.runs = {{26, 38}}, .arrangement = arrangement});
  view.area = area;
  tests::expect_golden_picture("viewer/choices_dark.png", scene.picture(1024, 640));
}

TEST(Picture, OfTheCommandPalette) {
  ViewRequest request = request_of(1024, 640);
  request.theme = Theme::Light;
  Scene scene(request, {});
  scene.set_session(small_session());
  scene.view().picker.kind = PickerKind::Commands;
  scene.view().picker.editor.set_text("sort");
  tests::expect_golden_picture("viewer/palette_light.png", scene.picture(1024, 640));
}

TEST(Picture, OfAllKeys) {
  Scene scene(request_of(1024, 640), {});
  scene.set_session(small_session());
  scene.view().help_open = true;
  tests::expect_golden_picture("viewer/keys_dark.png", scene.picture(1024, 640));
}

// The same with workers and chunks only, as a large recording is shown first.
SessionPtr overview_session() {
  tests::SyntheticRecording recording = tests::make_synthetic_recording({.spans = 4'000});
  recording.entities.chunks.push_back({.id = 1,
                                       .worker_id = recording.entities.workers[0].id,
                                       .end_ns = recording.entities.info.duration_ns,
                                       .state_ns = {recording.entities.info.duration_ns}});
  SessionEntities entities{.info = recording.entities.info,
                           .workers = recording.entities.workers,
                           .chunks = recording.entities.chunks};
  return SessionBuilder("wordcount.tscope", std::move(entities)).overview();
}

TEST(Picture, OfAnOverviewShowsWorkersThoughNoTaskIsThereYet) {
  SessionEntities nothing{.info = overview_session()->info()};
  const SessionPtr empty = SessionBuilder("wordcount.tscope", std::move(nothing)).summary();
  const ViewRequest request = request_of(640, 400);
  EXPECT_NE(draw(request, overview_session()).pixels, draw(request, empty).pixels);
}

TEST(Picture, OfATaskThatWasAskedForWaitsUntilTheTaskIsThere) {
  ViewRequest request = request_of(640, 400);
  request.selected_task = 7;
  request.range = TimeRange{8'000'000, 9'500'000};
  Scene scene(request, {});
  scene.set_session(overview_session());
  scene.picture(640, 400);
  EXPECT_NEAR(scene.view().time.visible().start_ns, 8'000'000, 100'000);
  scene.view().time.show({1'000'000, 2'000'000});
  scene.set_session(small_session());
  EXPECT_EQ(scene.view().selection.task, scene.session()->find_task(7));
  EXPECT_NEAR(scene.view().time.visible().start_ns, 1'000'000, 100'000);
}

// Two workers of which one is taken away, every kind of decision, alone and in a crowd.
std::string scheduler_trace() {
  std::string trace = R"(
w0 0 worker-start thread=50
w1 0 worker-start thread=51
w1 1 worker-park
w0 2 spawn task=1 site=1
w0 3 task-name task=1 "hog"
w0 4 spawn task=2 site=1
w0 5 task-name task=2 "splitter"
w0 6 spawn task=3 site=1
w0 7 task-name task=3 "caller"
w0 10 run task=1 seq=1
w0 5000 worker-wake worker=1
w1 6000 worker-unpark
w1 6000 worker-spin
w1 9000 steal task=2 victim=0 count=2
w1 9500 run task=2 seq=1
w1 14000 block object=4 reason="network" site=3
w1 14000 worker-spin
ext 16000 poll-wake count=3
w1 17000 poll-wake count=1
w1 17000 ready task=2 seq=2
w1 17100 run task=2 seq=3
w1 22000 timer-fire count=2
w0 25000 queue-length count=2 count=1
w0 30000 preempt task=1
w0 32000 worker-start thread=52
w0 33000 run task=3 seq=1
w0 36000 syscall site=7
w0 39000 handoff task=3
w0 41000 worker-start thread=50
w0 41000 worker-park
ext 42000 by task=1 seq=1
ext 42000 exit task=1
ext 43000 thread-park thread=52
)";
  for (int at = 0; at < 200; ++at) {
    const int ns = 45'000 + at * at / 4;
    trace +=
        fmt::format("w1 {} {}\n", ns, at % 3 == 0 ? "timer-fire count=1" : "worker-wake worker=0");
  }
  return trace + R"(
ext 57000 worker-count count=1
w1 58000 exit task=2
w1 58000 worker-stop
w0 60000 worker-unpark
)";
}

TEST(Picture, OfWhatTheSchedulerDecidedAndOfAStealUnderThePointer) {
  ViewRequest request = request_of(1024, 400);
  request.theme = Theme::Light;
  Scene scene(request, {});
  scene.set_session(tests::session_of_trace(scheduler_trace()));
  scene.view().folds.threads = false;
  scene.picture(1024, 400);  // lays out where the steal's mark is
  const double x = scene.view().time.to_px(9'000) + 220;
  ImGui::GetIO().MousePos = {static_cast<float>(x), 164};
  const Image image = scene.picture(1024, 400);
  ASSERT_TRUE(scene.view().hover_decisions);
  EXPECT_EQ(scene.view().hover_decisions->size(), 1U);
  tests::expect_golden_picture("viewer/decisions_light.png", image);
}

TEST(Picture, OfARecordingWithoutTasksSaysWhy) {
  SessionEntities entities;
  entities.info.complete = true;
  SessionBuilder builder("empty.tscope", std::move(entities));
  ViewRequest request = request_of(800, 400);
  request.path = "empty.tscope";
  tests::expect_golden_picture("viewer/empty_dark.png", draw(request, builder.finish()));
}

TEST(Picture, OfAFailedRecordingSaysWhatIsWrong) {
  ViewRequest request = request_of(800, 400);
  request.theme = Theme::Light;
  Scene scene(request, {});
  LoadStatus status;
  status.stage = LoadStage::Failed;
  status.path = "broken.tscope";
  status.error = "broken.tscope is not a recording: it is no SQLite database.";
  scene.set_load(status);
  tests::expect_golden_picture("viewer/failed_light.png", scene.picture(800, 400));
}

TEST(Picture, IsTheSameEveryTime) {
  const SessionPtr session = small_session();
  EXPECT_EQ(draw(request_of(900, 500), session).pixels, draw(request_of(900, 500), session).pixels);
}

TEST(Picture, OfTheSummaryBeforeAnySpanIsDrawnToo) {
  tests::SyntheticRecording recording = tests::make_synthetic_recording({.spans = 500});
  SessionBuilder builder("x.tscope", std::move(recording.entities));
  const Image image = draw(request_of(640, 400), builder.summary());
  EXPECT_EQ(image.pixels.size(), 640U * 400U);
}

TEST(PictureComparison, SeesWhatAPersonWouldSee) {
  const SessionPtr session = small_session();
  const Image dark = draw(request_of(640, 400), session);
  Image other = dark;
  EXPECT_EQ(tests::share_of_different_pixels(dark, other, 8), 0);
  for (std::size_t at = 0; at < 3000; ++at) other.pixels[at] ^= 0x404040;
  EXPECT_NEAR(tests::share_of_different_pixels(dark, other, 8), 3000.0 / (640 * 400), 1e-9);
}

TEST(Png, ReadsBackWhatWasWrittenAndReplacesWhatWasThere) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.path() + "/a.png";
  Image image{3, 2, {0xff0000ff, 0xff00ff00, 0xffff0000, 0xff123456, 0xff000000, 0xffffffff}};
  ASSERT_TRUE(write_png(image, path));
  image.pixels[0] = 0xff010203;
  ASSERT_TRUE(write_png(image, path));
  const Result<Image> back = read_png(path);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->pixels, image.pixels);
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
}

TEST(Png, APathThatCannotBeWrittenIsOneSentence) {
  const Result<void> written = write_png({1, 1, {0}}, "/nonexistent-folder/a.png");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            "Cannot write the picture /nonexistent-folder/a.png: No such file or directory.");
}

TEST(Screenshot, OfAFileThatIsMissingIsRefusedAndLeavesNothing) {
  const tests::TemporaryFolder folder;
  ViewRequest request;
  request.path = folder.path() + "/missing.tscope";
  const auto info = write_screenshot(request, folder.path() + "/a.png");
  ASSERT_FALSE(info);
  EXPECT_NE(info.error().message.find("missing.tscope"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(folder.path() + "/a.png"));
}

TEST(Screenshot, RefusesSizesAndViewsThatThereAreNot) {
  ViewRequest request = request_of(10, 10);
  EXPECT_FALSE(write_screenshot(request, "a.png"));
  request = request_of(1440, 900);
  request.view = "flame";
  EXPECT_FALSE(write_screenshot(request, "a.png"));
  request.view = "timeline";
  request.range = TimeRange{5, 5};
  EXPECT_FALSE(write_screenshot(request, "a.png"));
}

}  // namespace
}  // namespace taskscope::viewer
