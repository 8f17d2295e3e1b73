#include "viewer/analysis/duration_text.h"

#include <gtest/gtest.h>

namespace taskscope::analysis {
namespace {

TEST(DurationText, KeepsThreeDigitsInEveryUnit) {
  EXPECT_EQ(duration_text(0), "0 s");
  EXPECT_EQ(duration_text(950), "950 ns");
  EXPECT_EQ(duration_text(1'234), "1.23 µs");
  EXPECT_EQ(duration_text(12'345), "12.3 µs");
  EXPECT_EQ(duration_text(123'456), "123 µs");
  EXPECT_EQ(duration_text(4'560'000), "4.56 ms");
  EXPECT_EQ(duration_text(1'230'000'000), "1.23 s");
  EXPECT_EQ(duration_text(-1'230'000'000), "-1.23 s");
  EXPECT_EQ(duration_text(INT64_MIN), duration_text(-INT64_MAX));
}

TEST(DurationText, RoundsUpIntoTheNextUnit) {
  EXPECT_EQ(duration_text(999'499), "999 µs");
  EXPECT_EQ(duration_text(999'999), "1.00 ms");
  EXPECT_EQ(duration_text(9'999'000), "10.0 ms");
  EXPECT_EQ(duration_text(999'999'999), "1.00 s");
}

TEST(DurationText, LongTimesAreMinutesAndHours) {
  EXPECT_EQ(duration_text(119'000'000'000), "119 s");
  EXPECT_EQ(duration_text(125'000'000'000), "2 min 5 s");
  EXPECT_EQ(duration_text(11'040'000'000'000), "3 h 4 min");
}

TEST(CountText, GroupsThousands) {
  EXPECT_EQ(count_text(0), "0");
  EXPECT_EQ(count_text(999), "999");
  EXPECT_EQ(count_text(1'000), "1,000");
  EXPECT_EQ(count_text(1'234'567), "1,234,567");
}

TEST(BytesText, UsesBinaryUnits) {
  EXPECT_EQ(bytes_text(512), "512 B");
  EXPECT_EQ(bytes_text(4096), "4.00 KiB");
  EXPECT_EQ(bytes_text(1'572'864), "1.50 MiB");
  EXPECT_EQ(bytes_text(std::uint64_t{5000} << 30), "5000 GiB");
}

}  // namespace
}  // namespace taskscope::analysis
