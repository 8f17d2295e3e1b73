// Which files debug information is read from.
#include "runtime/debug/debug_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "tests/support/temporary_folder.h"

namespace taskscope::debug {
namespace {

TEST(DebugFiles, OnlyRegularFilesAreOpenedAndNothingIsWaitedFor) {
  const tests::TemporaryFolder folder;
  std::ofstream(folder.file("plain")) << "text";
  EXPECT_TRUE(open_regular(folder.file("plain").c_str()));
  ASSERT_EQ(mkfifo(folder.file("pipe").c_str(), 0600), 0);
  EXPECT_FALSE(open_regular(folder.file("pipe").c_str()));
  EXPECT_FALSE(open_regular(folder.path().c_str()));
  EXPECT_FALSE(open_regular("/dev/null"));
  EXPECT_FALSE(open_regular(folder.file("missing").c_str()));
}

}  // namespace
}  // namespace taskscope::debug
