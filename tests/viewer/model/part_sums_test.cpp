#include "viewer/model/part_sums.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace taskscope::viewer {
namespace {

struct Range {
  StateClass state_class;
  std::int64_t start_ns;
  std::int64_t end_ns;
};

// Short ones and such that last, in the order of their ends, over a time that outgrows the parts.
std::vector<Range> random_ranges(std::uint32_t seed, std::size_t count) {
  std::mt19937 random(seed);
  std::vector<Range> ranges;
  std::int64_t now = 0;
  for (std::size_t at = 0; at < count; ++at) {
    now += random() % 200'000;
    const std::int64_t length =
        random() % 10 == 0 ? static_cast<std::int64_t>(random() % 50'000'000) : random() % 5'000;
    ranges.push_back({static_cast<StateClass>(random() % kStateClasses),
                      std::max<std::int64_t>(now - length, 0), now});
  }
  return ranges;
}

class RunningSumsOf : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Seeds, RunningSumsOf, ::testing::Range(1U, 6U));

TEST_P(RunningSumsOf, AreThoseOfAllSpansBeforeEachInstant) {
  const std::vector<Range> ranges = random_ranges(GetParam(), 5'000);
  RunningSums sums(256, 16);
  for (const Range& range : ranges) sums.add(range.state_class, range.start_ns, range.end_ns);
  EXPECT_EQ(sums.spans(), ranges.size());
  const std::vector<ClassTimes> before = sums.before();
  EXPECT_GT(before.size(), 100U);
  EXPECT_LE(before.size(), 257U);
  for (std::size_t at = 0; at < before.size(); ++at) {
    const std::int64_t ns = static_cast<std::int64_t>(at) * sums.part_ns();
    ClassTimes expected{};
    for (const Range& range : ranges) {
      expected[index_of(range.state_class)] +=
          std::max<std::int64_t>(std::min(range.end_ns, ns) - range.start_ns, 0);
    }
    ASSERT_EQ(before[at], expected) << at;
  }
  EXPECT_EQ(before.back(), sums.times());
  EXPECT_EQ(sums.end_ns(), ranges.back().end_ns);
}

}  // namespace
}  // namespace taskscope::viewer
