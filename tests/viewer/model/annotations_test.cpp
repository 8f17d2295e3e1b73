#include "viewer/model/annotations.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace taskscope::viewer {
namespace {

// Tasks 1 to 9 have the indices 0 to 8 and live from 0 to 1,000.
std::optional<AnnotatedTask> find_task(store::TaskId id) {
  if (id < 1 || id > 9) return std::nullopt;
  return AnnotatedTask{static_cast<std::uint32_t>(id - 1), 0, 1'000};
}

store::RegionRow region(store::TaskId task, std::uint8_t depth, std::optional<std::int64_t> start,
                        std::optional<std::int64_t> end, store::NameId name = 1) {
  return {.task_id = task, .name_id = name, .start_ns = start, .end_ns = end, .depth = depth};
}

Annotations with_regions(std::vector<store::RegionRow> regions) {
  AnnotationRows rows;
  rows.names = {{1, "serve"}, {2, "parse"}, {7, "render"}};
  rows.regions = std::move(regions);
  return {std::move(rows), find_task};
}

TimeRange range_at(const Annotations& annotations, std::uint32_t task, std::size_t lane,
                   std::size_t at) {
  const TrackSpan span = (*annotations.regions_of(task))[lane][at];
  return {span.start_ns, span.end_ns};
}

using Key = std::pair<std::uint32_t, std::size_t>;  // task and lane

// Nested intervals as a program makes them, by task and lane in the order of time.
std::map<Key, std::vector<store::RegionRow>> random_regions(std::mt19937_64& random) {
  std::map<Key, std::vector<store::RegionRow>> all;
  for (store::TaskId task = 1; task <= 9; task += 2) {
    std::int64_t ns = 0;
    std::vector<std::int64_t> open;
    while (ns < 900 || !open.empty()) {
      ns += static_cast<std::int64_t>(random() % 9) + 1;
      if (ns < 900 && open.size() < 5 && random() % 2 == 0) {
        open.push_back(ns);
      } else if (!open.empty()) {
        const auto depth = static_cast<std::uint8_t>(open.size());
        const std::array<store::NameId, 3> names{1, 2, 7};
        all[{static_cast<std::uint32_t>(task - 1), depth - 1U}].push_back(
            region(task, depth, open.back(), ns, names[random() % 3]));
        open.pop_back();
      }
    }
  }
  return all;
}

TEST(Annotations, HaveEveryRegionOfTheFirstDepthsInWhateverOrderTheyCome) {
  const std::map<store::NameId, std::string> names{{1, "serve"}, {2, "parse"}, {7, "render"}};
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937_64 random(seed);
    const auto expected = random_regions(random);
    std::vector<store::RegionRow> rows;
    std::size_t shown = 0;
    for (const auto& [key, regions] : expected) {
      rows.insert(rows.end(), regions.begin(), regions.end());
      if (key.second < kRegionLanes) shown += regions.size();
    }
    std::shuffle(rows.begin(), rows.end(), random);
    const Annotations annotations = with_regions(rows);
    EXPECT_EQ(annotations.lanes(), kRegionLanes);
    EXPECT_EQ(annotations.region_count(), shown);
    EXPECT_EQ(annotations.deeper_regions(), rows.size() - shown);
    for (const auto& [key, regions] : expected) {
      if (key.second >= kRegionLanes) continue;
      const Track& track = (*annotations.regions_of(key.first))[key.second];
      ASSERT_EQ(track.size(), regions.size());
      for (std::size_t at = 0; at < regions.size(); ++at) {
        EXPECT_EQ(range_at(annotations, key.first, key.second, at),
                  (TimeRange{*regions[at].start_ns, *regions[at].end_ns}));
        EXPECT_EQ(annotations.region_name(track[at].payload), names.at(regions[at].name_id));
      }
    }
    EXPECT_EQ(annotations.regions_of(1), nullptr);
  }
}

TEST(Annotations, SayWhichRegionsATaskIsInOutermostFirst) {
  std::mt19937_64 random(3);
  const auto expected = random_regions(random);
  std::vector<store::RegionRow> rows;
  for (const auto& [key, regions] : expected) {
    rows.insert(rows.end(), regions.begin(), regions.end());
  }
  const Annotations annotations = with_regions(rows);
  const std::map<store::NameId, std::string> names{{1, "serve"}, {2, "parse"}, {7, "render"}};
  for (std::int64_t ns = 0; ns < 1'000; ++ns) {
    std::map<std::uint8_t, std::string> by_depth;
    for (const store::RegionRow& row : rows) {
      const bool inside = row.task_id == 3 && *row.start_ns <= ns && ns < *row.end_ns;
      if (inside && row.depth <= kRegionLanes) by_depth[row.depth] = names.at(row.name_id);
    }
    std::string text;
    for (const auto& [depth, name] : by_depth) text += (text.empty() ? "" : " › ") + name;
    ASSERT_EQ(annotations.regions_text(2, ns), text) << ns;
  }
}

TEST(Annotations, ReachAsFarAsTheyCanWhereAnEdgeIsNotKnown) {
  const Annotations annotations = with_regions({
      region(1, 1, std::nullopt, 300),           // began before the recording
      region(1, 1, 400, std::nullopt),           // and its task ended in it
      region(2, 1, 100, 500),                    //
      region(2, 2, 200, std::nullopt),           // its end was lost: until that of the one around
      region(2, 2, std::nullopt, 180),           // its beginning was lost: from the one around
      region(3, 1, std::nullopt, std::nullopt),  // there all the time
  });
  EXPECT_EQ(range_at(annotations, 0, 0, 0), (TimeRange{0, 300}));
  EXPECT_EQ(range_at(annotations, 0, 0, 1), (TimeRange{400, 1'000}));
  EXPECT_EQ(range_at(annotations, 1, 1, 0), (TimeRange{100, 180}));
  EXPECT_EQ(range_at(annotations, 1, 1, 1), (TimeRange{200, 500}));
  EXPECT_EQ(range_at(annotations, 2, 0, 0), (TimeRange{0, 1'000}));
  const RegionTracks& first = *annotations.regions_of(0);
  EXPECT_FALSE(annotations.detail(first[0][0].payload).start_known);
  EXPECT_TRUE(annotations.detail(first[0][0].payload).end_known);
  EXPECT_FALSE(annotations.detail(first[0][1].payload).end_known);
}

TEST(Annotations, StandDamagedRowsAndCountThem) {
  const Annotations annotations = with_regions({
      region(77, 1, 0, 10),    // of no task
      region(1, 0, 0, 10),     // no depth
      region(1, 1, 50, 20),    // ends before it begins
      region(1, 1, 10, 60),    // overlaps the one before
      region(1, 1, 5, 40),     //
      region(1, 1, 90, 95, 5)  // of no name
  });
  EXPECT_EQ(annotations.skipped_regions(), 2);
  EXPECT_EQ(annotations.region_count(), 4);
  const RegionTracks& tracks = *annotations.regions_of(0);
  EXPECT_EQ(annotations.region_name(tracks[0][3].payload), "region of unknown name");
}

TEST(Annotations, OfOneNameHaveOneColorWhateverElseThereIs) {
  const Annotations few = with_regions({region(1, 1, 0, 10, 7)});
  const Annotations many =
      with_regions({region(1, 1, 0, 10, 1), region(1, 1, 20, 30, 2), region(1, 1, 40, 50, 7)});
  EXPECT_EQ((*few.regions_of(0))[0][0].state_class, (*many.regions_of(0))[0][2].state_class);
  std::set<std::size_t> colors;
  for (int number = 0; number < 200; ++number) {
    colors.insert(region_color("region " + std::to_string(number)));
  }
  EXPECT_EQ(colors.size(), kRegionColors);
}

}  // namespace
}  // namespace taskscope::viewer
