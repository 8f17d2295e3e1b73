#include "viewer/model/decisions.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace taskscope::viewer {
namespace {

std::vector<Decision> random_decisions(std::mt19937& random, std::size_t count) {
  std::vector<Decision> decisions;
  for (std::size_t at = 0; at < count; ++at) {
    decisions.push_back({.ns = static_cast<std::int64_t>(random() % (count * 7 + 1)),
                         .amount = random() % 5,
                         .kind = static_cast<DecisionKind>(random() % kDecisionKinds)});
  }
  return decisions;
}

TEST(Decisions, GroupsAreThoseOfTheirColumnsAndCountEveryDecisionOnce) {
  std::mt19937 random(5);
  for (const std::size_t count : {0UL, 1UL, 63UL, 64UL, 65UL, 2000UL}) {
    const DecisionTrack track(random_decisions(random, count));
    for (const double ns_per_px : {0.01, 0.3, 1.0, 17.5, 900.0}) {
      const ColumnGrid grid{ns_per_px};
      const std::int64_t mark_px = 10;
      const std::int64_t last = grid.column_of(static_cast<std::int64_t>(count) * 7 + 1) + 1;
      std::map<std::int64_t, std::array<std::uint32_t, kDecisionKinds>> expected;
      for (std::size_t at = 0; at < track.size(); ++at) {
        ++expected[grid.column_of(track[at].ns) / mark_px][index_of(track[at].kind)];
      }
      const auto groups = track.groups(grid, 0, last, mark_px);
      ASSERT_EQ(groups.size(), expected.size()) << count << " at " << ns_per_px;
      std::uint32_t next = 0;
      for (const DecisionGroup& group : groups) {
        ASSERT_EQ(group.first, next);
        next = group.last;
        EXPECT_EQ(group.counts, expected[grid.column_of(track[group.first].ns) / mark_px]);
      }
      EXPECT_EQ(next, count);
    }
  }
}

TEST(Decisions, GroupsStayTheSameWhereverTheViewBegins) {
  std::mt19937 random(6);
  const DecisionTrack track(random_decisions(random, 500));
  const ColumnGrid grid{3.7};
  const auto all = track.groups(grid, 0, 2000, 10);
  for (std::int64_t first = -25; first < 60; ++first) {
    for (const DecisionGroup& group : track.groups(grid, first, first + 300, 10)) {
      EXPECT_NE(std::find(all.begin(), all.end(), group), all.end()) << "from " << first;
    }
  }
}

TEST(Decisions, SumsOfAnyRangeAreThoseOfItsDecisions) {
  std::mt19937 random(7);
  const DecisionTrack track(random_decisions(random, 700));
  for (int i = 0; i < 300; ++i) {
    const std::size_t first = random() % 700;
    const std::size_t last = first + random() % (701 - first);
    DecisionSums expected;
    for (std::size_t at = first; at < last; ++at) {
      ++expected.counts[index_of(track[at].kind)];
      expected.amounts[index_of(track[at].kind)] += track[at].amount;
    }
    const DecisionSums sums = track.sums(first, last);
    EXPECT_EQ(sums.counts, expected.counts);
    EXPECT_EQ(sums.amounts, expected.amounts);
  }
}

}  // namespace
}  // namespace taskscope::viewer
