#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/picture_golden.h"
#include "tests/support/synthetic_session.h"
#include "tests/support/temporary_folder.h"
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

TEST(Picture, OfAFindingSaysItsSentence) {
  const ViewRequest request = request_of(1024, 640);
  Scene scene(request, {});
  scene.set_session(small_session());
  step_finding(*scene.session(), scene.view());
  tests::expect_golden_picture("viewer/finding_dark.png", scene.picture(1024, 640));
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
