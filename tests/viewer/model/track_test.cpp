#include "viewer/model/track.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace taskscope::viewer {
namespace {

struct Columns {
  std::vector<std::int64_t> start_ns;
  std::vector<std::int64_t> end_ns;
  std::vector<StateClass> classes;

  Track track() const { return Track(start_ns, end_ns, classes); }
  void add(std::int64_t start, std::int64_t end, StateClass state) {
    start_ns.push_back(start);
    end_ns.push_back(end);
    classes.push_back(state);
  }
};

Columns random_columns(std::uint64_t seed, std::size_t spans) {
  std::mt19937_64 random(seed);
  Columns columns;
  std::int64_t at = static_cast<std::int64_t>(random() % 50);
  for (std::size_t span = 0; span < spans; ++span) {
    std::int64_t length = static_cast<std::int64_t>(random() % 40);
    if (random() % 50 == 0) length *= 100;
    columns.add(at, at + length, static_cast<StateClass>(random() % kStateClasses));
    at += length;
    if (random() % 8 == 0) at += static_cast<std::int64_t>(random() % 60);
  }
  return columns;
}

ClassTimes brute_force(const Columns& columns, TimeRange range) {
  ClassTimes times{};
  for (std::size_t at = 0; at < columns.start_ns.size(); ++at) {
    const std::int64_t from = std::max(columns.start_ns[at], range.start_ns);
    const std::int64_t to = std::min(columns.end_ns[at], range.end_ns);
    if (to > from) times[index_of(columns.classes[at])] += to - from;
  }
  return times;
}

class TrackOfSize : public ::testing::TestWithParam<std::size_t> {};
INSTANTIATE_TEST_SUITE_P(Sizes, TrackOfSize,
                         ::testing::Values(0, 1, 2, 63, 64, 65, 127, 128, 129, 1000, 5000));

TEST_P(TrackOfSize, TimesInAnyRangeAreExact) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    const Columns columns = random_columns(seed, GetParam());
    const Track track = columns.track();
    const std::int64_t end = columns.end_ns.empty() ? 100 : columns.end_ns.back();
    std::mt19937_64 random(seed + 1000);
    for (int query = 0; query < 100; ++query) {
      const auto a =
          static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(end + 100)) - 50;
      const auto b = a + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(end + 1));
      ASSERT_EQ(track.times_in({a, b}), brute_force(columns, {a, b})) << a << ".." << b;
    }
  }
}

TEST_P(TrackOfSize, MixturesCarryTheExactSharesOfTheirColumns) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    const Columns columns = random_columns(seed, GetParam());
    const Track track = columns.track();
    for (const double ns_per_px : {1.0, 3.7, 25.0, 150.0, 4000.0}) {
      const ColumnGrid grid{ns_per_px};
      for (const Cell& cell : track.cells(grid, -20, 800, 2)) {
        if (!cell.is_mixture()) continue;
        for (std::int64_t column = cell.first; column < cell.last; ++column) {
          const TimeRange range{grid.left_ns(column), grid.left_ns(column + 1)};
          ASSERT_EQ(cell.shares, to_shares(brute_force(columns, range), range.length_ns()));
        }
      }
    }
  }
}

TEST_P(TrackOfSize, EveryWideSpanIsACellAtItsNearestPixels) {
  const Columns columns = random_columns(7, GetParam());
  const Track track = columns.track();
  const ColumnGrid grid{10.0};
  const std::vector<Cell> cells = track.cells(grid, -10, 1'000'000, 2);
  for (std::size_t span = 0; span < track.size(); ++span) {
    if (track.end_ns(span) - track.start_ns(span) < 20) continue;
    const auto cell =
        std::find_if(cells.begin(), cells.end(), [&](const Cell& at) { return at.span == span; });
    ASSERT_NE(cell, cells.end()) << span;
    EXPECT_EQ(cell->first, grid.nearest_edge(track.start_ns(span)));
    EXPECT_EQ(cell->last, grid.nearest_edge(track.end_ns(span)));
  }
}

TEST_P(TrackOfSize, CellsAreInOrderAndNothingThatHappenedIsLeftOut) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE(seed);
    const Columns columns = random_columns(seed, GetParam());
    const Track track = columns.track();
    const ColumnGrid grid{33.0};
    const std::vector<Cell> cells = track.cells(grid, 0, 3000, 2);
    std::int64_t before = 0;
    for (const Cell& cell : cells) {
      ASSERT_GE(cell.first, before);
      ASSERT_LT(cell.first, cell.last);
      before = cell.last;
    }
    // A short span lies in a mixture, or under the wide span that its column was rounded to.
    for (std::size_t span = 0; span < track.size(); ++span) {
      if (track.end_ns(span) == track.start_ns(span) || track.end_ns(span) >= 3000 * 33) continue;
      const std::int64_t column = grid.column_of(track.start_ns(span));
      const bool shown = std::any_of(cells.begin(), cells.end(), [&](const Cell& cell) {
        return cell.first <= column + 1 && cell.last > column;
      });
      ASSERT_TRUE(shown) << span;
    }
  }
}

TEST(Track, MergesEqualColumnsIntoOneCell) {
  Columns columns;
  for (std::int64_t at = 0; at < 1000; ++at) {
    columns.add(at * 10, at * 10 + 5, StateClass::Running);
    columns.add(at * 10 + 5, at * 10 + 10, StateClass::Channel);
  }
  const std::vector<Cell> cells = columns.track().cells({100}, 0, 100, 2);
  ASSERT_EQ(cells.size(), 1U);
  EXPECT_EQ(cells[0].first, 0);
  EXPECT_EQ(cells[0].last, 100);
  EXPECT_EQ(cells[0].shares[index_of(StateClass::Running)], 128);
  EXPECT_EQ(cells[0].shares[index_of(StateClass::Channel)], 128);
}

TEST(Track, AnOutlierKeepsAShareInAMillionTimesLongerColumn) {
  Columns columns;
  columns.add(0, 499'999'999, StateClass::Running);
  columns.add(499'999'999, 500'000'000, StateClass::Lock);
  columns.add(500'000'000, 1'000'000'000, StateClass::Running);
  const std::vector<Cell> cells = columns.track().cells({1e9}, 0, 1, 2);
  ASSERT_EQ(cells.size(), 1U);
  EXPECT_EQ(cells[0].shares[index_of(StateClass::Lock)], 1);
}

TEST(Track, SpansOfFewerThanABlockHaveNoIndex) {
  EXPECT_EQ(random_columns(1, 63).track().index_bytes(), 0U);
  EXPECT_GT(random_columns(1, 64).track().index_bytes(), 0U);
}

TEST(Track, FindsTheSpanAtAnInstant) {
  Columns columns;
  columns.add(10, 20, StateClass::Running);
  columns.add(30, 40, StateClass::Sleep);
  const Track track = columns.track();
  EXPECT_EQ(track.span_at(9), track.size());
  EXPECT_EQ(track.span_at(10), 0U);
  EXPECT_EQ(track.span_at(19), 0U);
  EXPECT_EQ(track.span_at(20), track.size());
  EXPECT_EQ(track.span_at(39), 1U);
  EXPECT_EQ(track.span_at(40), track.size());
}

TEST(ColumnGrid, AColumnContainsTheInstantsThatAreItsOwn) {
  for (const double ns_per_px : {1.0, 1.7, 12.34, 1e6}) {
    const ColumnGrid grid{ns_per_px};
    for (std::int64_t ns = -1000; ns < 1000; ns += 7) {
      const std::int64_t column = grid.column_of(ns);
      EXPECT_LE(grid.left_ns(column), ns);
      EXPECT_GT(grid.left_ns(column + 1), ns);
    }
  }
}

}  // namespace
}  // namespace taskscope::viewer
