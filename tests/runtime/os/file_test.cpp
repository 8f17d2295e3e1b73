#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "tests/runtime/support/runtime_test.h"

namespace taskscope {
namespace {

class FileTest : public test::RuntimeTest {
 protected:
  void SetUp() override {
    char name[] = "/tmp/taskscope-os-XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override {
    ::unlink(path().c_str());
    ::rmdir(folder_.c_str());
  }
  std::string path() const { return folder_ + "/file"; }

 private:
  std::string folder_;
};
TASKSCOPE_AT_ALL_WORKER_COUNTS(FileTest);

TEST_P(FileTest, WhatIsWrittenIsRead) {
  run([this] {
    std::string text;
    for (int i = 0; i < 50'000; ++i) text += std::to_string(i) + "\n";
    ASSERT_TRUE(os::write_file(path(), text));
    const Result<std::string> read = os::read_file(path());
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, text);
    ASSERT_TRUE(os::write_file(path(), "shorter"));
    EXPECT_EQ(os::read_file(path()).value(), "shorter");
  });
}

TEST_P(FileTest, FilesWithoutASizeAreReadToTheirEnd) {
  run([] {
    const Result<std::string> status = os::read_file("/proc/self/status");
    ASSERT_TRUE(status) << status.error().message;
    EXPECT_NE(status->find("Threads:"), std::string::npos);
  });
}

TEST_P(FileTest, TasksReadAndWriteOneFileAtTheirOwnPlaces) {
  run([this] {
    const Result<os::File> file = os::File::open(path(), os::Access::ReadWrite);
    ASSERT_TRUE(file) << file.error().message;
    constexpr std::size_t kBlock = 1000;
    WaitGroup group;
    for (std::size_t i = 0; i < 16; ++i) {
      group.go([&, i] {
        const std::string block(kBlock, static_cast<char>('a' + i));
        ASSERT_TRUE(file->pwrite_all(block, i * kBlock));
        std::string back(kBlock, ' ');
        const Result<std::size_t> got = file->pread(back, i * kBlock);
        ASSERT_TRUE(got) << got.error().message;
        EXPECT_EQ(*got, kBlock);
        EXPECT_EQ(back, block);
      });
    }
    group.wait();
    EXPECT_EQ(file->size().value(), 16 * kBlock);
    EXPECT_TRUE(file->sync());
  });
}

TEST_P(FileTest, AppendingContinuesAndReadingEndsWithZero) {
  run([this] {
    for (const char* part : {"one ", "two"}) {
      Result<os::File> file = os::File::open(path(), os::Access::Append);
      ASSERT_TRUE(file);
      ASSERT_TRUE(file->write_all(part));
      EXPECT_TRUE(file->close());
    }
    const Result<os::File> file = os::File::open(path());
    ASSERT_TRUE(file);
    char buffer[100];
    EXPECT_EQ(file->read(buffer).value(), 7u);
    EXPECT_EQ(file->read(buffer).value(), 0u);
  });
}

TEST_P(FileTest, ErrorsNameTheFile) {
  run([this] {
    const Result<std::string> missing = os::read_file(path());
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().os_error, ENOENT);
    EXPECT_EQ(missing.error().message, "open " + path() + ": no such file or directory");
    ASSERT_TRUE(os::write_file(path(), "x"));
    const Result<os::File> exists = os::File::open(path(), os::Access::CreateNew);
    ASSERT_FALSE(exists);
    EXPECT_EQ(exists.error().os_error, EEXIST);
    const Result<os::File> file = os::File::open(path());
    EXPECT_EQ(file->write_all("y").error().message, "write " + path() + ": bad file descriptor");
  });
}

TEST_P(FileTest, NothingBeginsOnceTheContextIsDone) {
  run([this] {
    auto limited = with_cancel(background());
    const Context& ctx = limited.ctx;
    const Result<os::File> file = os::File::open(ctx, path(), os::Access::ReadWrite);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->write_all(ctx, "before"));
    ASSERT_TRUE(file->sync(ctx));
    limited.cancel();
    char buffer[8];
    const auto gave_up = [this](const auto& result, const std::string& verb) {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().kind, ErrorKind::Cancelled);
      EXPECT_EQ(result.error().message, verb + " " + path() + ": context canceled");
    };
    gave_up(os::File::open(ctx, path()), "open");
    gave_up(file->read(ctx, buffer), "read");
    gave_up(file->pread(ctx, buffer, 0), "read");
    gave_up(file->write_all(ctx, "after"), "write");
    gave_up(file->pwrite_all(ctx, "after", 0), "write");
    gave_up(file->sync(ctx), "sync");
    gave_up(os::read_file(ctx, path()), "open");
    gave_up(os::write_file(ctx, path(), "after"), "open");
    EXPECT_EQ(os::read_file(path()).value(), "before");
  });
}

// With a context large files are read and written in pieces; they are the same files.
TEST_P(FileTest, PiecesMakeTheWhole) {
  run([this] {
    std::string text(std::size_t{5} << 19, 'x');
    for (std::size_t i = 0; i < text.size(); i += 1000) text[i] = static_cast<char>('a' + i % 26);
    const auto limited = with_cancel(background());
    ASSERT_TRUE(os::write_file(limited.ctx, path(), text));
    EXPECT_EQ(os::read_file(limited.ctx, path()).value(), text);
    const Result<os::File> file = os::File::open(path(), os::Access::ReadWrite);
    ASSERT_TRUE(file);
    ASSERT_TRUE(file->pwrite_all(limited.ctx, text, 10));
    EXPECT_EQ(os::read_file(path()).value(), text.substr(0, 10) + text);
  });
}

}  // namespace
}  // namespace taskscope
