#include "recorder/ingest/output_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::ingest {
namespace {

namespace fs = std::filesystem;

constexpr uid_t kNobody = 65534;

// What a user who is not root hears about `path`.
std::string heard_by_nobody(const std::string& path, const std::string& scratch) {
  std::ofstream(scratch).flush();
  fs::permissions(scratch, fs::perms::all);
  const pid_t child = fork();
  if (child == 0) {
    if (geteuid() == 0 && seteuid(kNobody) != 0) _exit(1);
    // access() asks for the real user.
    if (getuid() == 0 && setreuid(kNobody, kNobody) != 0) _exit(1);
    const auto file = OutputFile::reserve(path);
    std::ofstream(scratch) << (file ? "reserved" : file.error().message);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return tests::read_file(scratch);
}

TEST(OutputFile, BecomesItsNameOnlyWhenItIsKept) {
  const tests::TemporaryFolder folder;
  const std::string path = folder.file("a.tscope");
  auto file = OutputFile::reserve(path);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_TRUE(fs::exists(path + ".partial"));
  EXPECT_FALSE(fs::exists(path));
  ASSERT_TRUE(file->keep());
  EXPECT_TRUE(fs::exists(path));
  EXPECT_FALSE(fs::exists(path + ".partial"));
}

TEST(OutputFile, FollowsALinkAndReplacesItsTarget) {
  const tests::TemporaryFolder folder;
  std::ofstream(folder.file("target")).flush();
  fs::create_symlink("target", folder.file("link"));
  auto file = OutputFile::reserve(folder.file("link"));
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->final_path(), fs::canonical(folder.path()) / "target");
  ASSERT_TRUE(file->keep());
  EXPECT_TRUE(fs::is_symlink(folder.file("link")));
}

TEST(OutputFile, ALinkInPlaceOfThePartialFileIsNotFollowed) {
  const tests::TemporaryFolder folder;
  std::ofstream(folder.file("precious")) << "text";
  fs::create_symlink("precious", folder.file("a.tscope.partial"));
  EXPECT_FALSE(OutputFile::reserve(folder.file("a.tscope")));
  EXPECT_EQ(tests::read_file(folder.file("precious")), "text");
}

TEST(OutputFile, AReadOnlyFolderIsNamed) {
  const tests::TemporaryFolder folder;
  const tests::TemporaryFolder scratch;
  fs::permissions(scratch.path(), fs::perms::all);
  fs::permissions(folder.path(), fs::perms(0555));
  const std::string path = folder.file("a.tscope");
  EXPECT_EQ(heard_by_nobody(path, scratch.file("heard")),
            "Cannot write " + path + ": you have no permission to write there.");
  fs::permissions(folder.path(), fs::perms(0700));
}

TEST(OutputFile, AFileThatIsNotOursToReplaceIsNamed) {
  const tests::TemporaryFolder folder;
  const tests::TemporaryFolder scratch;
  fs::permissions(scratch.path(), fs::perms::all);
  fs::permissions(folder.path(), fs::perms::all);
  const std::string path = folder.file("a.tscope");
  std::ofstream(path).flush();
  fs::permissions(path, fs::perms(0444));
  EXPECT_EQ(heard_by_nobody(path, scratch.file("heard")),
            "Cannot write " + path + ": you have no permission to replace it.");
  EXPECT_FALSE(fs::exists(path + ".partial"));
}

}  // namespace
}  // namespace taskscope::ingest
