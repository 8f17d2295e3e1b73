#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <imgui.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/synthetic_session.h"
#include "tests/support/temporary_folder.h"
#include "viewer/platform/fonts.h"
#include "viewer/platform/scene.h"
#include "viewer/platform/screenshot.h"
#include "viewer/platform/svg_writer.h"
#include "viewer/platform/whole_file.h"

namespace taskscope::viewer {
namespace {

using testing::HasSubstr;
using testing::Not;

// Fonts need an ImGui context, which a scene has.
class Svg : public testing::Test {
 protected:
  Svg() : context_(ImGui::CreateContext()), fonts_(load_fonts(1)) {}
  ~Svg() override { ImGui::DestroyContext(context_); }
  Svg(const Svg&) = delete;
  Svg& operator=(const Svg&) = delete;

  std::string written(const std::vector<Shape>& shapes, const std::string& title = "a") {
    DrawingRecord record;
    for (const Shape& shape : shapes) record.add(shape);
    return to_svg(record, fonts_, {100, 50, title});
  }
  Shape text(std::string words) {
    return {.kind = Shape::Kind::Text,
            .box = {10, 10, 60, 25},
            .color = IM_COL32_WHITE,
            .clip = kAll,
            .font = fonts_.text,
            .text = std::move(words)};
  }
  static constexpr Box kAll{0, 0, 100, 50};
  ImGuiContext* context_;
  Fonts fonts_;
};

TEST_F(Svg, HasRectanglesAsRectanglesAndTextAsText) {
  const std::string svg = written({{.box = {1, 2, 11, 22}, .color = 0xff112233, .clip = kAll},
                                   {.box = {20, 2, 30, 4}, .color = 0xff112233, .clip = kAll},
                                   text("reader 4")});
  EXPECT_THAT(svg, HasSubstr("<g fill=\"#332211\">\n"
                             "<rect x=\"1\" y=\"2\" width=\"10\" height=\"20\"/>\n"
                             "<rect x=\"20\" y=\"2\" width=\"10\" height=\"2\"/>\n</g>"));
  EXPECT_THAT(svg, HasSubstr(">reader 4</text>"));
  EXPECT_THAT(svg, HasSubstr("width=\"100\" height=\"50\" viewBox=\"0 0 100 50\""));
}

TEST_F(Svg, CutsWhatTheWindowCutsAndLeavesOutWhatItHides) {
  Shape half = text("cropped");
  half.clip = {0, 0, 30, 50};
  const std::string svg =
      written({{.box = {0, 0, 50, 50}, .color = 0xff0000ff, .clip = {10, 10, 20, 20}},
               {.box = {60, 0, 70, 50}, .color = 0xff00ff00, .clip = {10, 10, 20, 20}},
               {.box = {60, 0, 70, 50}, .color = 0x00123456, .clip = kAll},
               half,
               text("whole")});
  EXPECT_THAT(svg, HasSubstr("<rect x=\"10\" y=\"10\" width=\"10\" height=\"10\"/>"));
  EXPECT_THAT(svg, Not(HasSubstr("#00ff00")));
  EXPECT_THAT(svg, Not(HasSubstr("#563412")));
  EXPECT_THAT(svg, HasSubstr("<clipPath id=\"c0\"><rect x=\"0\" y=\"0\" width=\"30\""));
  EXPECT_THAT(svg, HasSubstr("clip-path=\"url(#c0)\">cropped</text>"));
  EXPECT_THAT(svg, Not(HasSubstr("clip-path=\"url(#c0)\">whole</text>")));
}

TEST_F(Svg, OfNamesThatAreHostileIsStillOneDocument) {
  const std::string svg = written(
      {text("</text><script>alert(1)</script>"), text("a & b \"c\""), text("bell\a, half \xc3"),
       text("too long \xc0\xaf, surrogate \xed\xa0\x80, \xef\xbf\xbf"), text("µs – ok")},
      "<title>");
  EXPECT_THAT(svg, HasSubstr(">&lt;/text&gt;&lt;script&gt;alert(1)&lt;/script&gt;</text>"));
  EXPECT_THAT(svg, HasSubstr(">a &amp; b &quot;c&quot;</text>"));
  EXPECT_THAT(svg, HasSubstr(">bell\xef\xbf\xbd, half \xef\xbf\xbd</text>"));
  EXPECT_THAT(svg, HasSubstr("µs – ok"));
  EXPECT_THAT(svg, Not(HasSubstr("\xc0\xaf")));
  EXPECT_THAT(svg, Not(HasSubstr("\xed\xa0")));
  EXPECT_THAT(svg, Not(HasSubstr("\xef\xbf\xbf")));
  EXPECT_THAT(svg, HasSubstr("<title>&lt;title&gt;</title>"));
}

TEST(VectorPicture, IsTheSameEveryTimeAndNamesWhatIsSeen) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 4'000});
  const auto draw = [&] {
    ViewRequest request;
    request.path = "wordcount.tscope";
    Scene scene(request, {});
    scene.set_session(session);
    return scene.vector_picture(1024, 640);
  };
  const std::string svg = draw();
  EXPECT_EQ(svg, draw());
  EXPECT_THAT(svg, HasSubstr(">" + session->tasks()[0].label + "</text>"));
  EXPECT_THAT(svg, HasSubstr(">runnable</text>"));  // of the legend
}

TEST(PictureFile, WithAnEndingThatIsNoPicturesIsRefused) {
  ViewRequest request;
  request.path = "x.tscope";
  const auto written = write_screenshot(request, "picture.jpg");
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message,
            "A picture is a .png or an .svg file; picture.jpg is neither.");
}

TEST(WholeFile, ReplacesWhatWasThereAndIsOnlyMineIfAsked) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("a");
  ASSERT_TRUE(write_whole_file(path + ".part", "of a writer who was killed", FileReaders::AsUsual,
                               "the file"));
  ASSERT_TRUE(write_whole_file(path, "one", FileReaders::AsUsual, "the file"));
  ASSERT_TRUE(write_whole_file(path, "two", FileReaders::OnlyMe, "the file"));
  const auto contents = read_whole_file(path, 10, "the file");
  ASSERT_TRUE(contents);
  EXPECT_EQ(*contents, "two");
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  EXPECT_NE(::access((path + ".part").c_str(), F_OK), 0);
}

TEST(WholeFile, ThatIsMissingTooLargeOrNoFileIsSaidSo) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("a");
  auto contents = read_whole_file(path, 10, "notes");
  ASSERT_TRUE(contents);
  EXPECT_FALSE(*contents);
  ASSERT_TRUE(write_whole_file(path, "12345678901", FileReaders::AsUsual, "notes"));
  contents = read_whole_file(path, 10, "notes");
  ASSERT_FALSE(contents);
  EXPECT_EQ(contents.error().message, path + " is larger than notes ever are.");
  EXPECT_FALSE(read_whole_file(folder.path(), 10, "notes"));
  EXPECT_FALSE(write_whole_file(folder.path() + "/no/such", "x", FileReaders::AsUsual, "notes"));
}

}  // namespace
}  // namespace taskscope::viewer
