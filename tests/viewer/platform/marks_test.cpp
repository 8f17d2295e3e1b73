#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <imgui.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/picture_golden.h"
#include "tests/support/synthetic_session.h"
#include "tests/support/temporary_folder.h"
#include "viewer/platform/marks_file.h"
#include "viewer/platform/scene.h"

namespace taskscope::viewer {
namespace {

using testing::HasSubstr;

const std::vector<Mark> kMarks = {{-5, ""}, {1'200'000, "here \"it\" hangs – for good"}};

std::string contents_of(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class MarksBeside : public testing::Test {
 protected:
  std::string recording() const { return folder_.path() + "/run.tscope"; }
  std::string path() const { return recording() + ".marks.json"; }
  void write(const std::string& text) const { std::ofstream(path()) << text; }
  tests::TemporaryFolder folder_;
};

TEST_F(MarksBeside, ARecordingComeBackForItsOwnerAlone) {
  ASSERT_TRUE(MarksFile(recording(), "2026").save(kMarks));
  struct stat status {};
  ASSERT_EQ(::stat(path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  const auto loaded = MarksFile(recording(), "2026").load();
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(*loaded, kMarks);
  const auto while_it_grows = MarksFile(recording() + ".partial", "2026").load();
  ASSERT_TRUE(while_it_grows);
  EXPECT_EQ(*while_it_grows, kMarks);
}

TEST_F(MarksBeside, LeaveNoFileWhenTheLastIsGone) {
  MarksFile file(recording(), "2026");
  ASSERT_TRUE(file.load());
  ASSERT_TRUE(file.save(kMarks));
  ASSERT_TRUE(file.save({}));
  EXPECT_FALSE(std::filesystem::exists(path()));
  EXPECT_TRUE(file.save({}));
}

TEST_F(MarksBeside, AreKeptAsideIfTheyAreDamagedAndSomebodySetsNewOnes) {
  for (const std::string text :
       {"", "{", "[]", "{\"format\":1}", "{\"format\":2,\"recording\":\"2026\",\"marks\":[]}",
        "{\"format\":1,\"recording\":\"2026\",\"marks\":[{\"ns\":\"soon\"}]}",
        "{\"format\":1,\"recording\":\"2026\",\"marks\":[7]}", "\xff\xfe"}) {
    SCOPED_TRACE(text);
    write(text);
    MarksFile file(recording(), "2026");
    const auto loaded = file.load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().message, path() + " is damaged; its marks are not shown.");
    EXPECT_EQ(contents_of(path()), text);  // nothing is touched by looking
    ASSERT_TRUE(file.save(kMarks));
    EXPECT_EQ(contents_of(path() + ".old"), text);
    EXPECT_TRUE(MarksFile(recording(), "2026").load());
  }
}

TEST_F(MarksBeside, OfAnotherRecordingUnderTheSameNameAreNotShown) {
  ASSERT_TRUE(MarksFile(recording(), "2025").save(kMarks));
  MarksFile file(recording(), "2026");
  const auto loaded = file.load();
  ASSERT_FALSE(loaded);
  EXPECT_THAT(loaded.error().message, HasSubstr("another recording, which began at 2025"));
  ASSERT_TRUE(file.save({{7, "new"}}));
  EXPECT_THAT(contents_of(path() + ".old"), HasSubstr("for good"));
}

TEST_F(MarksBeside, CannotBeKeptWhereNobodyMayWriteAndSaySo) {
  MarksFile file("/nonexistent-folder/run.tscope", "2026");
  ASSERT_TRUE(file.load());
  const Result<void> saved = file.save(kMarks);
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().message,
            "Cannot write the marks /nonexistent-folder/run.tscope.marks.json: No such file or "
            "directory.");
}

TEST_F(MarksBeside, ThatAreHostileAreCleanAndFew) {
  std::string many = R"({"format":1,"recording":"2026","marks":[)";
  for (std::size_t at = 0; at <= kMarksMax; ++at) many += R"({"ns":)" + std::to_string(at) + "},";
  many.back() = ']';
  write(many + "}");
  EXPECT_FALSE(MarksFile(recording(), "2026").load());
  write(R"({"format":1,"recording":"2026","marks":[{"ns":9,"note":"a\nb\u001b[2J"},{"ns":3}]})");
  const auto loaded = MarksFile(recording(), "2026").load();
  ASSERT_TRUE(loaded);
  EXPECT_EQ(*loaded, (std::vector<Mark>{{3, ""}, {9, "a b [2J"}}));
}

// Somebody at the keys of a scene without a window.
class MarkKeys : public testing::Test {
 protected:
  MarkKeys() : scene_(request(), {}) {
    scene_.set_session(tests::make_synthetic_session({.spans = 4'000}));
    ImGuiIO& io = ImGui::GetIO();
    io.DisplaySize = {1024, 640};
    io.MousePos = {600, 300};
    for (const auto& [key, code] : {std::pair{ImGuiKey_Delete, 300},
                                    {ImGuiKey_Enter, 301},
                                    {ImGuiKey_Escape, 302},
                                    {ImGuiKey_Backspace, 303},
                                    {ImGuiKey_UpArrow, 304},
                                    {ImGuiKey_DownArrow, 305}}) {
      io.KeyMap[key] = code;
    }
    frame();
    frame();
  }
  static ViewRequest request() {
    ViewRequest request;
    request.path = "wordcount.tscope";
    return request;
  }
  void frame() {
    ImGui::GetIO().DeltaTime = 0.1F;
    scene_.draw(Scene::Kind::Window, 0.1);
  }
  void press(int code, bool shift = false, bool control = false) {
    ImGuiIO& io = ImGui::GetIO();
    io.KeyShift = shift;
    io.KeyCtrl = control;
    io.KeysDown[code] = true;
    if (code < 128 && !control) io.AddInputCharacter(static_cast<unsigned>(code));
    frame();
    io.KeysDown[code] = false;
    io.KeyShift = io.KeyCtrl = false;
    frame();
  }
  void type(const char* text) {
    ImGui::GetIO().AddInputCharactersUTF8(text);
    frame();
  }
  static constexpr int kDelete = 300, kEnter = 301, kEscape = 302, kBackspace = 303, kUp = 304;
  Scene scene_;
};

TEST_F(MarkKeys, SetAMarkAndTakeItAway) {
  press('M');
  ASSERT_EQ(scene_.view().marks.size(), 1U);
  EXPECT_NEAR(scene_.view().time.to_px(scene_.view().marks[0].ns), 600 - 220, 1);
  press('M');
  EXPECT_TRUE(scene_.view().marks.empty());
}

TEST_F(MarkKeys, WriteANoteWithoutSteeringTheWindow) {
  const TimeRange before = scene_.view().time.visible();
  const Theme theme = scene_.view().theme;
  press('N', true);
  ASSERT_TRUE(scene_.view().mark_list.editing);
  type("what stalls? – fwT");
  press(kBackspace);
  press(kBackspace);
  press(kBackspace);
  press(kEnter);
  EXPECT_FALSE(scene_.view().mark_list.editing);
  ASSERT_EQ(scene_.view().marks.size(), 1U);
  EXPECT_EQ(scene_.view().marks[0].note, "what stalls? – ");
  EXPECT_EQ(scene_.view().time.visible(), before);
  EXPECT_EQ(scene_.view().theme, theme);
  EXPECT_FALSE(scene_.view().help_open);
  press('M');  // it has a note: not taken away by a key
  EXPECT_EQ(scene_.view().marks.size(), 1U);
  press(kDelete);
  EXPECT_TRUE(scene_.view().marks.empty());
}

TEST_F(MarkKeys, EscapeLeavesTheNoteAsItWas) {
  scene_.view().marks = {{1'000'000, "old"}};
  press('M', false, true);
  press(kEnter);
  type("er");
  press(kEscape);
  EXPECT_EQ(scene_.view().marks[0].note, "old");
  EXPECT_TRUE(scene_.view().mark_list.open);
  press(kEscape);
  EXPECT_FALSE(scene_.view().mark_list.open);
}

TEST_F(MarkKeys, GoFromMarkToMarkThoughTheyAreOutOfSight) {
  for (std::int64_t at = 0; at < 30; ++at) scene_.view().marks.push_back({at * 100'000, ""});
  scene_.view().mark_list.open = true;
  scene_.view().mark_list.chosen = 29;
  scene_.view().time.show({0, 50'000});
  frame();
  press(kUp);
  for (int at = 0; at < 20; ++at) frame();
  EXPECT_EQ(scene_.view().mark_list.chosen, 28U);
  EXPECT_TRUE(scene_.view().time.visible().contains(2'800'000));
}

TEST(MarksPicture, HasFlagsWithNotesAndTheList) {
  ViewRequest request;
  request.path = "wordcount.tscope";
  for (const Theme theme : {Theme::Dark, Theme::Light}) {
    request.theme = theme;
    Scene scene(request, {});
    scene.set_session(tests::make_synthetic_session({.spans = 4'000}));
    scene.view().marks = {{1'000'000, "first reader"},
                          {2'000'000, ""},
                          {2'100'000, "a note that is much longer than the room up to the next"},
                          {2'600'000, "here it hangs"}};
    tests::expect_golden_picture(
        theme == Theme::Dark ? "viewer/marks_dark.png" : "viewer/marks_light.png",
        scene.picture(1024, 400));
  }
}

}  // namespace
}  // namespace taskscope::viewer
