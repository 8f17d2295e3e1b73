#include "viewer/model/counter_track.h"

#include <gtest/gtest.h>

#include <random>

namespace taskscope::viewer {
namespace {

TEST(CounterTrack, TheMaximumOfARangeIsThatOfItsSteps) {
  std::mt19937 random(7);
  for (const std::size_t count : {1UL, 2UL, 15UL, 16UL, 17UL, 300UL, 5000UL}) {
    std::vector<std::int64_t> ns;
    std::vector<std::uint64_t> values;
    std::int64_t now = 0;
    for (std::size_t at = 0; at < count; ++at) {
      ns.push_back(now += random() % 5);
      values.push_back(random() % 1000);
    }
    const CounterTrack track(ns, values);
    for (int i = 0; i < 500; ++i) {
      const auto start = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(now + 9));
      const TimeRange range{start, start + 1 + static_cast<std::int64_t>(random() % 200)};
      std::uint64_t expected = 0;
      for (std::size_t at = 0; at < count; ++at) {
        const bool inside = ns[at] > range.start_ns && ns[at] < range.end_ns;
        const bool enters =
            ns[at] <= range.start_ns && (at + 1 == count || ns[at + 1] > range.start_ns);
        if (inside || enters) expected = std::max(expected, values[at]);
      }
      ASSERT_EQ(track.max_in(range), expected) << count << " steps, from " << range.start_ns;
    }
  }
  EXPECT_EQ(CounterTrack().max_in({0, 10}), 0U);
}

}  // namespace
}  // namespace taskscope::viewer
