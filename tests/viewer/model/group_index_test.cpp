#include "viewer/model/group_index.h"

#include <gtest/gtest.h>

#include <cmath>
#include <deque>

#include "tests/support/synthetic_session.h"

namespace taskscope::viewer {
namespace {

ClassTimes difference(const ClassTimes& a, const ClassTimes& b) {
  ClassTimes out{};
  for (std::size_t c = 0; c < kStateClasses; ++c) out[c] = a[c] - b[c];
  return out;
}

TEST(GroupIndex, IsTheSumOfItsMembersInEveryColumn) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 6'000});
  const ColumnGrid grid{99'991.3};
  for (const TaskGroup& group : session->groups()) {
    std::vector<ClassTimes> columns(static_cast<std::size_t>(session->duration_ns() / 99'991) + 20);
    group.index.add_times(grid, -10, columns);
    for (std::size_t at = 0; at < columns.size(); ++at) {
      const auto column = static_cast<std::int64_t>(at) - 10;
      ClassTimes sum{};
      for (const TaskIndex task : group.tasks) {
        const ClassTimes times =
            session->tasks()[task].track.times_in({grid.left_ns(column), grid.left_ns(column + 1)});
        for (std::size_t c = 0; c < kStateClasses; ++c) sum[c] += times[c];
      }
      ASSERT_EQ(columns[at], sum) << group.place << " in column " << column;
    }
  }
}

TEST(GroupIndex, ColumnsThatDoNotBeginAtTheBeginningAreTheSame) {
  const SessionPtr session = tests::make_synthetic_session({.spans = 3'000});
  const GroupIndex& index = session->groups().front().index;
  const ColumnGrid grid{7'321.5};
  std::vector<ClassTimes> all(500);
  std::vector<ClassTimes> some(50);
  index.add_times(grid, 0, all);
  index.add_times(grid, 100, some);
  for (std::size_t at = 0; at < some.size(); ++at) ASSERT_EQ(some[at], all[100 + at]) << at;
}

// Of 600,000 spans: enough to be summed up from its index where columns are wide.
struct LargeGroup {
  PackedArena arena;
  std::deque<Track> tracks;
  GroupIndex index;

  LargeGroup() {
    std::vector<const Track*> members;
    std::uint64_t random = 7;
    for (int task = 0; task < 60; ++task) {
      TrackBuilder builder;
      std::int64_t ns = task * 1'000;
      for (int span = 0; span < 10'000; ++span) {
        random = random * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
        const auto length = static_cast<std::int64_t>(random >> 40) % 20'000;
        builder.add({ns, ns + length, 0, 0, static_cast<StateClass>(random >> 60 & 3)}, arena);
        ns += length + (span % 16 == 0 ? 500 : 0);
      }
      tracks.push_back(builder.finish(arena));
      members.push_back(&tracks.back());
    }
    index = GroupIndex(members);
  }

  ClassTimes times_in(TimeRange range) const {
    ClassTimes sum{};
    for (const Track& track : tracks) {
      const ClassTimes times = track.times_in(range);
      for (std::size_t c = 0; c < kStateClasses; ++c) sum[c] += times[c];
    }
    return sum;
  }
};

TEST(GroupIndex, WideColumnsOfALargeGroupAreTrueToAQuarterOfAColumn) {
  const LargeGroup group;
  ASSERT_GT(group.index.index_bytes(), 0U);
  const ColumnGrid grid{250'000};
  std::vector<ClassTimes> columns(420);
  group.index.add_times(grid, 0, columns);
  ClassTimes sum{};
  for (std::size_t at = 0; at < columns.size(); ++at) {
    const auto column = static_cast<std::int64_t>(at);
    const ClassTimes exact = group.times_in({grid.left_ns(column), grid.left_ns(column + 1)});
    for (std::size_t c = 0; c < kStateClasses; ++c) {
      sum[c] += columns[at][c];
      EXPECT_NEAR(static_cast<double>(columns[at][c]), static_cast<double>(exact[c]),
                  static_cast<double>(group.index.alive_max()) * grid.ns_per_px / 4)
          << "column " << column;
    }
  }
  // What is moved by a quarter of a column is not lost.
  const ClassTimes left = difference(group.index.times(), sum);
  for (const std::int64_t ns : left) EXPECT_EQ(ns, 0);
}

TEST(GroupIndex, NarrowColumnsOfALargeGroupAreExact) {
  const LargeGroup group;
  const ColumnGrid grid{1'234.5};
  std::vector<ClassTimes> columns(300);
  group.index.add_times(grid, 20'000, columns);
  for (std::size_t at = 0; at < columns.size(); ++at) {
    const auto column = 20'000 + static_cast<std::int64_t>(at);
    ASSERT_EQ(columns[at], group.times_in({grid.left_ns(column), grid.left_ns(column + 1)}));
  }
}

TEST(GroupIndex, CountsHowManyTasksLivedAtOnce) {
  PackedArena arena;
  TrackBuilder first;
  first.add({0, 10, 0, 0, StateClass::Running}, arena);
  TrackBuilder second;
  second.add({5, 8, 0, 0, StateClass::Running}, arena);
  second.add({8, 20, 0, 0, StateClass::Lock}, arena);
  TrackBuilder third;
  third.add({10, 12, 0, 0, StateClass::Sleep}, arena);
  const Track a = first.finish(arena);
  const Track b = second.finish(arena);
  const Track c = third.finish(arena);
  const Track nothing;
  const GroupIndex index({&a, &b, &c, &nothing});
  EXPECT_EQ(index.alive_max(), 2U);
  EXPECT_EQ(index.times()[index_of(StateClass::Running)], 13);
  EXPECT_EQ(index.times()[index_of(StateClass::Lock)], 12);
  EXPECT_EQ(index.times()[index_of(StateClass::Sleep)], 2);
}

}  // namespace
}  // namespace taskscope::viewer
