#include "runtime/trace_format/stack_text.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace taskscope::trace_format {
namespace {

TEST(StackText, CallsComeBackInTheirOrder) {
  const std::vector<std::uint64_t> calls{1, 0x55d0'c0ff'ee12, ~std::uint64_t{0}};
  TextBuffer text;
  format_stack(calls, text);
  EXPECT_EQ(text.view(), "1 55d0c0ffee12 ffffffffffffffff");
  EXPECT_EQ(parse_stack(text.view()), calls);
}

TEST(StackText, AsManyCallsAsThereMayBeFitIntoAText) {
  const std::vector<std::uint64_t> calls(kStackCallsMax, ~std::uint64_t{0});
  const std::vector<std::uint64_t> words(kTopWordsMax, ~std::uint64_t{0});
  TextBuffer text;
  format_sample({.worker = kWorkerMax,
                 .thread = kIdMask,
                 .lost = kIdMask,
                 .calls = calls,
                 .top_words = words},
                text);
  const auto sample = parse_sample(text.view());
  ASSERT_TRUE(sample);
  EXPECT_EQ(sample->calls, calls);
  EXPECT_EQ(sample->top_words, words);
  EXPECT_EQ(sample->worker, kWorkerMax);
  EXPECT_EQ(sample->thread, kIdMask);
  EXPECT_EQ(sample->lost, kIdMask);
}

TEST(StackText, ASampleOfAThreadWithoutAWorkerSaysSo) {
  const std::vector<std::uint64_t> calls{0x10};
  TextBuffer text;
  format_sample({.worker = kNoWorker, .thread = 77, .lost = 0, .calls = calls, .top_words = {}},
                text);
  EXPECT_EQ(text.view(), "-\t77\t0\t10\t");
  ASSERT_TRUE(parse_sample(text.view()));
  EXPECT_EQ(parse_sample(text.view())->worker, kNoWorker);
}

TEST(StackText, ModulesComeBackWithEveryField) {
  const std::string text = format_module({.bias = 0x5500'0000,
                                          .first = 0x5500'1000,
                                          .end = 0x5501'0000,
                                          .build_id = "00ff",
                                          .path = "/opt/a tool/bin"});
  EXPECT_EQ(text, "55000000\t55001000\t55010000\t00ff\t/opt/a tool/bin");
  const auto module = parse_module(text);
  ASSERT_TRUE(module);
  EXPECT_EQ(module->bias, 0x5500'0000u);
  EXPECT_EQ(module->end, 0x5501'0000u);
  EXPECT_EQ(module->build_id, "00ff");
  EXPECT_EQ(module->path, "/opt/a tool/bin");
}

TEST(StackText, SamplesThatWereLostAtTheEndComeWithoutOne) {
  TextBuffer text;
  format_sample({.lost = 7}, text);
  EXPECT_EQ(text.view(), "-\t0\t7\t\t");
  const auto read = parse_sample(text.view());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->lost, 7u);
  EXPECT_TRUE(read->calls.empty());
}

TEST(StackText, NonsenseIsRefused) {
  for (const char* text : {"", "x", "12  13", "12 13 ", "-1", "10000000000000000", "1\t2"}) {
    EXPECT_FALSE(parse_stack(text)) << text;
  }
  std::string many = "1";
  for (std::size_t i = 0; i < kStackCallsMax; ++i) many += " 1";
  EXPECT_FALSE(parse_stack(many));
  for (const char* text : {"", "1\t2\t3\t\t", "1\t3\t3\t\t/a", "1\t2\tx\t\t/a", "1\t2\t3"}) {
    EXPECT_FALSE(parse_module(text)) << text;
  }
  for (const char* text : {"", "0\t1\t0\t\t", "5000\t1\t0\t1\t", "0\t1\t0\t1\t\tmore",
                           "0\t1\t0\tx\t", "x\t1\t0\t1\t", "0\t-1\t0\t1\t"}) {
    EXPECT_FALSE(parse_sample(text)) << text;
  }
}

}  // namespace
}  // namespace taskscope::trace_format
