#include "viewer/platform/source_files.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temporary_folder.h"

namespace taskscope::viewer {
namespace {

TEST(SourceFiles, HaveTheLinesOfAFile) {
  const tests::TemporaryFolder folder;
  std::ofstream(folder.file("a.cpp")) << "int a;\n\tint b;\r\nlast";
  SourceFiles files;
  files.want({folder.file("a.cpp"), ""});
  EXPECT_EQ(files.text().lines, (std::vector<std::string>{"int a;", "    int b;", "last"}));
  EXPECT_EQ(files.text().problem, "");
}

TEST(SourceFiles, AreFoundFromTheProgramsFolderOn) {
  const tests::TemporaryFolder folder;
  std::filesystem::create_directories(folder.path() + "/build/dev/bin");
  std::filesystem::create_directories(folder.path() + "/src");
  std::ofstream(folder.file("src/a.cpp")) << "int a;\n";
  SourceFiles files;
  files.want({"../../src/a.cpp", folder.path() + "/build/dev/bin/program"});
  EXPECT_EQ(files.text().lines.size(), 1u);
}

TEST(SourceFiles, SayWhatIsNotHere) {
  SourceFiles files;
  files.want({"/nonexistent/a.cpp", "/bin/program"});
  EXPECT_EQ(files.text().problem, "/nonexistent/a.cpp is not on this machine.");
  files.want({"a/b.cpp", ""});
  EXPECT_EQ(files.text().problem, "a/b.cpp is not on this machine.");
  files.want({});
  EXPECT_EQ(files.text().problem, "");
  EXPECT_TRUE(files.text().lines.empty());
}

}  // namespace
}  // namespace taskscope::viewer
