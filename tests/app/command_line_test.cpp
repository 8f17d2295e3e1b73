#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "app/terminal.h"
#include "app/view_options.h"

namespace taskscope::app {
namespace {

TEST(Durations, AreReadWithAndWithoutUnits) {
  EXPECT_EQ(parse_duration_ns("42"), 42);
  EXPECT_EQ(parse_duration_ns("42ns"), 42);
  EXPECT_EQ(parse_duration_ns("1.5us"), 1'500);
  EXPECT_EQ(parse_duration_ns("20ms"), 20'000'000);
  EXPECT_EQ(parse_duration_ns("1.5s"), 1'500'000'000);
  EXPECT_EQ(parse_duration_ns("2min"), 120'000'000'000);
}

TEST(Durations, NonsenseIsRefused) {
  for (const char* text : {"", "x", "5 parsecs", "-1ms", "1e300s", "nan", "inf"}) {
    EXPECT_FALSE(parse_duration_ns(text)) << text;
  }
}

class ViewOptions : public testing::Test {
 protected:
  ViewOptions() { add_view_options(app_, request_); }
  void parse(std::vector<std::string> words) {
    std::reverse(words.begin(), words.end());
    app_.parse(words);
  }
  CLI::App app_;
  viewer::ViewRequest request_;
};

TEST_F(ViewOptions, EveryOptionReachesTheRequest) {
  parse({"--range", "10ms..20ms", "--select", "7", "--size", "1920x1080", "--scale", "2", "--theme",
         "light"});
  ASSERT_TRUE(request_.range);
  EXPECT_EQ(request_.range->start_ns, 10'000'000);
  EXPECT_EQ(request_.range->end_ns, 20'000'000);
  EXPECT_EQ(request_.selected_task, 7u);
  EXPECT_EQ(request_.width, 1920);
  EXPECT_EQ(request_.height, 1080);
  EXPECT_FLOAT_EQ(request_.scale, 2);
  EXPECT_EQ(request_.theme, viewer::Theme::Light);
}

TEST_F(ViewOptions, BadValuesEndTheCommandLine) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--range", "20ms..10ms"},
                                             {"--range", "5"},
                                             {"--size", "10x10"},
                                             {"--size", "wide"},
                                             {"--scale", "9"},
                                             {"--theme", "mauve"},
                                             {"--select", "x"}}) {
    EXPECT_THROW(parse(words), CLI::ParseError) << words[1];
  }
}

TEST(Tables, LineUpAndShortenByCharactersNotBytes) {
  Table table({{"time", true}, {"place", false, 10}});
  table.add({"1 µs", "short"});
  table.add({"100 µs", "a/very/long/path.cpp:12"});
  EXPECT_EQ(table.text({}),
            "  time  place\n"
            "  1 µs  short\n"
            "100 µs  a/v…cpp:12\n");
}

TEST(Tables, AHeaderStandsEvenWithoutRows) { EXPECT_EQ(Table({{"a"}, {"b"}}).text({}), "a  b\n"); }

}  // namespace
}  // namespace taskscope::app
