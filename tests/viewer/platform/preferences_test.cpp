#include "viewer/platform/preferences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace taskscope::viewer {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Remembered : public testing::Test {
 protected:
  Remembered() {
    folders_ = {folder_.path() + "/config/taskscope", folder_.path() + "/state/taskscope"};
  }
  std::string file(const std::string& name) const {
    const std::string path = folder_.path() + "/" + name;
    std::ofstream(path) << "x";
    return path;
  }
  void damage(const std::string& path, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    std::ofstream(path) << text;
  }
  static unsigned mode_of(const std::string& path) {
    struct stat status {};
    EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }
  tests::TemporaryFolder folder_;
  UserFolders folders_;
};

TEST_F(Remembered, TastesComeBackFromAFileOfTheUsersOwn) {
  EXPECT_EQ(load_preferences(folders_), Preferences{});
  const Preferences all{.theme = Theme::Light,
                        .scale = 1.5F,
                        .left_width = 300.0F,
                        .drawer_height = 200.0F,
                        .findings_width = 400.0F,
                        .profile_height = 150.0F,
                        .findings_open = true,
                        .window = WindowPlace{-5, 10, 800, 600}};
  ASSERT_TRUE(save_preferences(folders_, all));
  EXPECT_EQ(load_preferences(folders_), all);
  EXPECT_EQ(mode_of(folders_.config + "/preferences.json"), 0600U);
  EXPECT_EQ(mode_of(folders_.config), 0700U);
}

TEST_F(Remembered, WhatIsSenselessIsAsIfItWereNotThere) {
  const std::string path = folders_.config + "/preferences.json";
  for (const char* text :
       {"", "{", "7", "[]", "\xff", "{\"theme\":7}", "{\"scale\":\"big\"}", "{\"scale\":1e99}",
        "{\"window\":[]}", "{\"left_width\":-1}", "{\"findings_width\":9}", "{\"findings_open\":1}",
        "{\"window\":{\"x\":0,\"y\":0,\"width\":1e9,\"height\":600}}"}) {
    damage(path, text);
    EXPECT_EQ(load_preferences(folders_), Preferences{}) << text;
  }
  damage(path, R"({"theme":"light","scale":-3})");
  EXPECT_EQ(load_preferences(folders_), Preferences{.theme = Theme::Light});
}

TEST_F(Remembered, FilesStandInTheOrderInWhichTheyWereOpenedLast) {
  const std::string a = file("a.tscope");
  const std::string b = file("b.tscope");
  ASSERT_TRUE(add_recent(folders_, a, 10));
  ASSERT_TRUE(add_recent(folders_, b, 20));
  EXPECT_THAT(load_recent(folders_), ElementsAre(RecentFile{b, 20}, RecentFile{a, 10}));
  ASSERT_TRUE(add_recent(folders_, folder_.path() + "/./a.tscope", 30));
  EXPECT_THAT(load_recent(folders_), ElementsAre(RecentFile{a, 30}, RecentFile{b, 20}));
  std::filesystem::remove(a);
  EXPECT_THAT(load_recent(folders_), ElementsAre(RecentFile{b, 20}));
  EXPECT_EQ(mode_of(folders_.state + "/recent.json"), 0600U);
}

TEST_F(Remembered, FilesAreAsManyAsAListCanHold) {
  for (int at = 0; at < 30; ++at) {
    ASSERT_TRUE(add_recent(folders_, file(std::to_string(at)), at));
  }
  const auto recent = load_recent(folders_);
  ASSERT_EQ(recent.size(), kRecentMax);
  EXPECT_EQ(recent.front().opened_s, 29);
}

TEST_F(Remembered, ADamagedListIsEmptyAndReplacedByTheNextFile) {
  for (const char* text : {"", "{", "{\"recent\":7}", "{\"recent\":[7,{},{\"path\":\"/\"}]}"}) {
    damage(folders_.state + "/recent.json", text);
    EXPECT_THAT(load_recent(folders_), IsEmpty()) << text;
  }
  const std::string a = file("a.tscope");
  ASSERT_TRUE(add_recent(folders_, a, 10));
  EXPECT_THAT(load_recent(folders_), ElementsAre(RecentFile{a, 10}));
}

TEST_F(Remembered, NothingIsWrittenWithoutAFolder) {
  EXPECT_TRUE(save_preferences({}, {.theme = Theme::Light}));
  EXPECT_TRUE(add_recent({}, "/a", 1));
  EXPECT_THAT(load_recent({}), IsEmpty());
}

TEST(UserFoldersOf, AUserAreTheDesktopsOrThoseBelowHome) {
  const UserFolders own = user_folders("/c", "/s", "/people/me");
  EXPECT_EQ(own.config, "/c/taskscope");
  EXPECT_EQ(own.state, "/s/taskscope");
  const UserFolders home = user_folders("relative", nullptr, "/people/me");
  EXPECT_EQ(home.config, "/people/me/.config/taskscope");
  EXPECT_EQ(home.state, "/people/me/.local/state/taskscope");
  EXPECT_EQ(user_folders(nullptr, "", nullptr).config, "");
}

}  // namespace
}  // namespace taskscope::viewer
