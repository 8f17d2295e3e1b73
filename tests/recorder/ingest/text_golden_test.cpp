#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "recorder/ingest/text_source.h"
#include "recorder/store/reader.h"
#include "tests/support/golden.h"
#include "tests/support/recording_text.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::ingest {
namespace {

std::vector<std::string> trace_names() {
  std::vector<std::string> names;
  for (const auto& entry :
       std::filesystem::directory_iterator(TASKSCOPE_SOURCE_DIR "/tests/golden/recorder")) {
    if (entry.path().extension() == ".trace") names.push_back(entry.path().stem().string());
  }
  return names;
}

class TextGolden : public testing::TestWithParam<std::string> {};

TEST_P(TextGolden, TheRecordingSaysWhatTheTraceSays) {
  const tests::TemporaryFolder folder;
  const std::string name = "recorder/" + GetParam();
  const std::string trace =
      tests::read_file(std::string(TASKSCOPE_SOURCE_DIR) + "/tests/golden/" + name + ".trace");
  const auto recorded = record_text(trace, folder.file("a.tscope"));
  ASSERT_TRUE(recorded) << recorded.error().message;
  const auto reader = store::Reader::open(folder.file("a.tscope"));
  ASSERT_TRUE(reader) << reader.error().message;
  tests::expect_golden(name + ".golden", tests::RecordingText(*reader).all());
}

INSTANTIATE_TEST_SUITE_P(Traces, TextGolden, testing::ValuesIn(trace_names()),
                         [](const auto& trace) { return trace.param; });

}  // namespace
}  // namespace taskscope::ingest
