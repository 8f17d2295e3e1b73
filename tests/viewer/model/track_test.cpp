#include "viewer/model/track.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

namespace taskscope::viewer {
namespace {

struct Columns {
  std::vector<std::int64_t> start_ns;
  std::vector<std::int64_t> end_ns;
  std::vector<StateClass> classes;
  std::unique_ptr<PackedArena> arena = std::make_unique<PackedArena>();

  // Lives as long as these columns.
  Track track() const {
    TrackBuilder builder;
    for (std::size_t at = 0; at < start_ns.size(); ++at) {
      builder.add({start_ns[at], end_ns[at], payload(at), extra(at), classes[at]}, *arena);
    }
    return builder.finish(*arena);
  }
  static std::uint32_t payload(std::size_t at) {
    return static_cast<std::uint32_t>(at % 7 == 0 ? at * 0x9e37'79b9U : at % 5);
  }
  static std::uint32_t extra(std::size_t at) { return at % 3 == 0 ? payload(at + 1) : 0; }
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
                         ::testing::Values(0, 1, 2, 127, 128, 129, 255, 256, 257, 1000, 5000));

TEST_P(TrackOfSize, GivesBackWhatWasPacked) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const Columns columns = random_columns(seed, GetParam());
    const Track track = columns.track();
    ASSERT_EQ(track.size(), columns.start_ns.size());
    TrackReader reader(track);
    for (std::size_t at = 0; at < track.size(); ++at) {
      const TrackSpan span{columns.start_ns[at], columns.end_ns[at], Columns::payload(at),
                           Columns::extra(at), columns.classes[at]};
      ASSERT_EQ(track[at], span) << at;
      ASSERT_EQ(reader[at], span) << at;
    }
  }
}

TEST_P(TrackOfSize, IsWalkedFromAnyInstantOn) {
  const Columns columns = random_columns(5, GetParam());
  const Track track = columns.track();
  const std::int64_t end = columns.end_ns.empty() ? 100 : columns.end_ns.back();
  for (std::int64_t ns = -5; ns < end + 5; ns += 1 + end / 50) {
    TrackWalk walk(track, ns);
    for (std::size_t at = 0; at < track.size(); ++at) {
      if (columns.end_ns[at] <= ns) continue;
      const TrackSpan* span = walk.next();
      ASSERT_NE(span, nullptr);
      ASSERT_EQ(*span, track[at]) << at << " from " << ns;
    }
    ASSERT_EQ(walk.next(), nullptr);
  }
}

TEST_P(TrackOfSize, FindsSpansByTheirStartsAndEnds) {
  const Columns columns = random_columns(3, GetParam());
  const Track track = columns.track();
  TrackReader reader(track);
  const std::int64_t end = columns.end_ns.empty() ? 100 : columns.end_ns.back();
  for (std::int64_t ns = -5; ns < end + 5; ns += 1 + end / 1000) {
    const auto starting = static_cast<std::size_t>(
        std::lower_bound(columns.start_ns.begin(), columns.start_ns.end(), ns) -
        columns.start_ns.begin());
    const auto ending = static_cast<std::size_t>(
        std::upper_bound(columns.end_ns.begin(), columns.end_ns.end(), ns) -
        columns.end_ns.begin());
    ASSERT_EQ(track.first_starting_at(ns), starting) << ns;
    ASSERT_EQ(reader.first_starting_at(ns), starting) << ns;
    ASSERT_EQ(track.first_ending_after(ns), ending) << ns;
    ASSERT_EQ(reader.times_before(ns), track.times_before(ns)) << ns;
  }
}

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

// Looks at it are of the spans that it had, whatever the builder has added since.
TEST(Track, ASnapshotIsTheBeginningOfWhatTheBuilderGoesOnWith) {
  const Columns columns = random_columns(5, 3 * kBlockSpans + 2);
  PackedArena arena(PackedArena::Beside::Readers);
  PackedArena rest;
  KeptMemory kept;
  TrackBuilder builder;
  std::vector<Track> snapshots{builder.snapshot(rest, kept)};
  for (std::size_t at = 0; at < columns.start_ns.size(); ++at) {
    builder.add({columns.start_ns[at], columns.end_ns[at], Columns::payload(at), Columns::extra(at),
                 columns.classes[at]},
                arena);
    snapshots.push_back(builder.snapshot(rest, kept));
  }
  const Track whole = columns.track();
  for (std::size_t size = 0; size < snapshots.size(); ++size) {
    const Track& snapshot = snapshots[size];
    ASSERT_EQ(snapshot.size(), size);
    if (size == 0) continue;
    const std::int64_t end_ns = columns.end_ns[size - 1];
    EXPECT_EQ(snapshot.start_ns(), whole.start_ns());
    EXPECT_EQ(snapshot.end_ns(), end_ns);
    EXPECT_EQ(snapshot.times_before(INT64_MAX), whole.times_before(end_ns));
    for (std::size_t at = 0; at<size; at += size> 20 ? size / 20 : 1) {
      ASSERT_EQ(snapshot[at], whole[at]) << at << " of " << size;
      const std::int64_t ns = columns.start_ns[at];
      ASSERT_EQ(snapshot.first_starting_at(ns), whole.first_starting_at(ns));
      ASSERT_EQ(snapshot.times_before(ns), whole.times_before(ns));
    }
    EXPECT_EQ(snapshot[size - 1], whole[size - 1]);
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

TEST(Track, KeepsLengthsAndGapsOfAnySize) {
  Columns columns;
  std::int64_t at = 0;
  for (const std::int64_t length :
       {0LL, 1LL, 255LL, 256LL, 65'535LL, 65'536LL, 0xffff'ffffLL, 0x1'0000'0000LL, 1LL << 60}) {
    at += length / 2;
    columns.add(at, at + length, StateClass::Leaked);
    at += length;
  }
  const Track track = columns.track();
  for (std::size_t span = 0; span < track.size(); ++span) {
    EXPECT_EQ(track.start_ns(span), columns.start_ns[span]);
    EXPECT_EQ(track.end_ns(span), columns.end_ns[span]);
  }
}

TEST(Track, TheLastSpanCanBeReclassifiedUntilTheTrackIsFinished) {
  for (const std::size_t spans : {1U, 127U, 128U, 129U}) {
    PackedArena arena;
    TrackBuilder builder;
    for (std::size_t at = 0; at < spans; ++at) {
      const auto ns = static_cast<std::int64_t>(at) * 10;
      builder.add({ns, ns + 10, 3, 4, StateClass::Lock}, arena);
    }
    builder.reclassify_last(StateClass::Leaked);
    const Track track = builder.finish(arena);
    EXPECT_EQ(track[spans - 1].state_class, StateClass::Leaked);
    EXPECT_EQ(track[spans - 1].payload, 3U);
    EXPECT_EQ(track.times_before(INT64_MAX)[index_of(StateClass::Leaked)], 10);
    EXPECT_EQ(track.times_before(INT64_MAX)[index_of(StateClass::Lock)],
              static_cast<std::int64_t>(spans - 1) * 10);
  }
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
